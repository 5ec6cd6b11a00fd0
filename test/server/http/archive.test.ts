import assert from "node:assert/strict";
import { appendFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { png } from "../../../support/pictures.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";
import { unzip } from "../../../support/unzip.ts";

describe("POST /v1/images/archive", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());

  const store = async (file: Buffer, metadata: object) => {
    const post = server.http.post("/v1/images").attach("image", file, "a.png");
    const { body } = await post.field("metadata", JSON.stringify(metadata)).expect(201);
    return body.images[0] as { id: string; sha256: string };
  };
  const archive = async (ids: string[]) => {
    const response = await server.http.post("/v1/images/archive").send({ ids }).responseType("blob").expect(200);
    assert.equal(response.headers["content-type"], "application/zip");
    assert.equal(response.headers["content-disposition"], "attachment; filename=images.zip");
    return unzip(response.body);
  };

  it("streams the files and their records, and names what is missing or damaged", async () => {
    const files = await Promise.all([1, 2, 3, 4].map((seed) => png(seed)));
    const images = [];
    for (const [i, file] of files.entries())
      images.push(await store(file, i === 3 ? {} : { name: "sea.jpg", place: i }));
    const pathOf = ({ sha256 }: { sha256: string }) => join(server.dataFolder, "files", sha256.slice(0, 2), sha256);
    await appendFile(pathOf(images[1]!), "x");
    await rm(pathOf(images[2]!));
    const [one, damaged, gone, unnamed] = images.map(({ id }) => id);
    const found = await archive([one!, damaged!, gone!, unnamed!, one!, "none"]);
    assert.deepEqual([...found.keys()], ["sea.png", `${unnamed}.png`, "images.csv", "missing.txt"]);
    assert.deepEqual(found.get("sea.png"), files[0]);
    assert.match(
      found.get("images.csv")!.toString(),
      /,sea\.png,[0-9a-f]{64},png,64,48,\d+,20.*Z,"\{""name"":""sea.jpg"",""place"":0\}"\r\n/,
    );
    const missing = found.get("missing.txt")!.toString();
    for (const id of [damaged!, gone!, '"none"']) assert.ok(missing.includes(id), missing);
  });

  it("goes on for others when a client goes away", async () => {
    const { id } = await store(await png(9, { width: 2000, height: 1500 }), {});
    for (let i = 0; i < 5; i++) {
      const gone = new AbortController();
      const asked = fetch(`${server.url}/v1/images/archive`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ ids: [id] }),
        signal: gone.signal,
      });
      await (await asked).body!.getReader().read();
      gone.abort();
    }
    assert.equal((await archive([id])).size, 2);
  });

  it("refuses none, more than 10,000, and other methods", async () => {
    const ids = Array.from({ length: 10_001 }, (_, i) => `${i}`);
    for (const wrong of [{ ids: [] }, { ids }, {}])
      await server.http.post("/v1/images/archive").send(wrong).expect(400);
    assert.equal((await server.http.get("/v1/images/archive").expect(405)).headers.allow, "POST");
  });
});
