// Stored files that are missing, or whose bytes have changed on the disk.
import assert from "node:assert/strict";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { png } from "../../../support/pictures.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

describe("stored files that are missing or damaged", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());

  const upload = async (file: Buffer, key?: string) => {
    const post = server.http.post("/v1/images").attach("image", file, "a.png");
    if (key) post.set("Idempotency-Key", key);
    return (await post.expect(201)).body.images[0] as { id: string; sha256: string };
  };
  const pathOf = ({ sha256 }: { sha256: string }) => join(server.dataFolder, "files", sha256.slice(0, 2), sha256);
  const flipBit = async (path: string) => {
    const bytes = await readFile(path);
    bytes[bytes.length >> 1]! ^= 1;
    await writeFile(path, bytes);
  };
  const HARM = { missing: rm, damaged: flipBit };

  for (const [i, [how, harm]] of Object.entries(HARM).entries()) {
    it(`${how}: is said with the image's name, and never answered as the original`, async () => {
      const image = await upload(await png(i));
      await harm(pathOf(image));
      for (const query of ["", "?size=64"]) {
        const { body, headers } = await server.http.get(`/v1/images/${image.id}/content${query}`).expect(500);
        assert.equal(body.code, "file_damaged");
        assert.match(body.detail, new RegExp(`image ${image.id} is ${how}`));
        assert.deepEqual([headers.etag, headers["cache-control"]], [undefined, undefined]);
      }
      await server.http.head(`/v1/images/${image.id}/content`).expect(500);
      for (const path of ["/v1/segments", "/v1/search"]) {
        const { body } = await server.http
          .post(path)
          .send({ id: image.id, point: { x: 1, y: 1 } })
          .expect(500);
        assert.match(`${body.code} ${body.detail}`, new RegExp(`file_damaged .*image ${image.id} is ${how}`));
      }
      await server.http.get(`/v1/images/${image.id}/content`).set("If-None-Match", `"${image.sha256}"`).expect(304);
      await server.http.get(`/v1/images/${image.id}`).expect(200);
    });

    it(`${how}: is written again when the same bytes are sent again`, async () => {
      const file = await png(10 + i);
      const image = await upload(file);
      await harm(pathOf(image));
      await upload(file);
      const { body } = await server.http.get(`/v1/images/${image.id}/content`).expect(200);
      assert.ok(file.equals(body));
    });

    it(`${how}: is written again when its upload is sent again with its key`, async () => {
      const file = await png(20 + i);
      const image = await upload(file, how);
      await harm(pathOf(image));
      assert.deepEqual(await upload(file, how), image);
      const { body } = await server.http.get(`/v1/images/${image.id}/content`).expect(200);
      assert.ok(file.equals(body));
    });
  }

  it("an upload that is sent again with its key after its image was deleted is refused", async () => {
    const file = await png(30);
    const image = await upload(file, "deleted");
    await server.http.delete(`/v1/images/${image.id}`).expect(204);
    const again = server.http.post("/v1/images").set("Idempotency-Key", "deleted").attach("image", file, "a.png");
    const { body } = await again.expect(410);
    assert.equal(body.code, "image_deleted");
    assert.match(body.detail, new RegExp(`image ${image.id}, which was deleted`));
    assert.notEqual((await upload(file, "new")).id, image.id);
  });
});
