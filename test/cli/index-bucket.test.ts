// moco-search index s3://…: images of a bucket, on a real server and a real file store.
import assert from "node:assert/strict";
import { PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { png } from "../../support/pictures.ts";
import { runCliHere } from "../../support/run-cli.ts";
import { S3_KEYS, type S3Server, startS3Server } from "../../support/s3-server.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";

describe("index of a bucket", () => {
  const environment = { ...process.env };
  let server: TestServer;
  let store: S3Server;
  before(async () => {
    Object.assign(process.env, S3_KEYS);
    [server, store] = await Promise.all([startTestServer(), startS3Server()]);
    const client = new S3Client({ endpoint: store.endpoint, region: "us-east-1", forcePathStyle: true });
    const put = (Key: string, Body: Uint8Array | string) =>
      client.send(
        new PutObjectCommand({
          Bucket: "moco",
          Key,
          Body,
          ContentLength: Buffer.byteLength(Body as Uint8Array),
        }),
      );
    for (let seed = 0; seed < 4; seed++) await put(`photos/${seed % 2 ? "cats/" : ""}${seed}.png`, await png(seed));
    await put("photos/copy.png", await png(0));
    await put("photos/broken.jpg", "no image at all");
    await put("photos/notes.txt", "not an image");
    await put("photos/.thumbs/0.png", await png(7));
    await put("other/8.png", await png(8));
    client.destroy();
  });
  after(async () => {
    await Promise.all([server.close(), store.close()]);
    process.env = environment;
  });
  const index = (address: string) => runCliHere(["index", address, "--server", server.url, "--json"]);
  const at = (path: string) => `s3://${path}?endpoint=${store.endpoint}`;

  it("stores the images below the prefix once, with name, path and label", async () => {
    const first = await index(at("moco/photos"));
    assert.equal(first.code, 1, first.stderr);
    const { uploaded, skipped, failed, leftOut } = JSON.parse(first.stdout);
    assert.deepEqual([uploaded, skipped], [4, 1]);
    assert.deepEqual(
      failed.map(({ file, code }: { file: string; code: string }) => [file, code]),
      [["s3://moco/photos/broken.jpg", "unsupported_image_type"]],
    );
    assert.deepEqual(leftOut, [
      { name: ".thumbs/0.png", reason: "hidden" },
      { name: "notes.txt", reason: ".txt" },
    ]);
    const { body } = await server.http.get("/v1/images");
    const metadata = body.images.map((image: { metadata: { path: string } }) => image.metadata);
    assert.deepEqual(
      metadata.find(({ path }: { path: string }) => path === "cats/1.png"),
      { name: "1.png", path: "cats/1.png", label: "cats" },
    );
    const again = JSON.parse((await index(at("moco/photos"))).stdout);
    assert.deepEqual([again.uploaded, again.skipped], [0, 5]);
  });

  it("says what is wrong with an address, a bucket or a prefix", async () => {
    assert.match((await index("s3://")).stderr, /Expected files at s3:\/\/bucket\/prefix/);
    assert.match((await index(at("nowhere/photos"))).stderr, /There is no bucket "nowhere"/);
    assert.match((await index(at("moco/empty"))).stderr, /found none there/);
    assert.match((await index("s3://moco/photos?endpoint=http://127.0.0.1:9")).stderr, /No file store answers at/);
  });
});
