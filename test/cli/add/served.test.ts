import assert from "node:assert/strict";
import { join } from "node:path";
import { decodeImage } from "../../../core/decode.ts";
import { addEncoder } from "../../../support/added-encoder.ts";
import { FOREIGN_DIMENSIONS, runPlainly, writeForeignEncoder } from "../../../support/foreign-encoder.ts";
import { png } from "../../../support/pictures.ts";
import { activate } from "../../../support/swaps.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

describe("moco-search add: a server", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer();
  });
  after(() => server.close());

  it("swaps to an encoder of bytes, colours last, two at a time, and embeds as a plain session does", async () => {
    const files = await Promise.all([1, 2, 3, 4, 5].map((seed) => png(seed)));
    for (const file of files) await server.http.post("/v1/images").attach("image", file, "a.png").expect(201);
    const options = { type: "uint8", layout: "NHWC", dims: [2, 16, 16, 3], reshape: [2, FOREIGN_DIMENSIONS] } as const;
    const file = await writeForeignEncoder(join(server.dataFolder, "..", "foreign.onnx"), options);
    const { card } = await addEncoder(join(server.modelsFolder, ".."), file, "--fit", "fill");
    assert.equal(card.batch, 2);
    const swap = await activate(server, "added");
    assert.equal(swap.state, "active");
    let post = server.http.post("/v1/embeddings");
    for (const image of files) post = post.attach("image", image, "a.png");
    const { body } = await post.expect(200);
    assert.equal(body.model.name, "added");
    for (const [i, image] of files.entries()) {
      const pixels = await decodeImage(image, { width: 16, height: 16, fit: "fill" });
      const { values } = await runPlainly(file, {
        type: "uint8",
        dims: [2, 16, 16, 3],
        values: [...pixels, ...pixels],
      });
      const expected = values.subarray(0, FOREIGN_DIMENSIONS);
      const norm = Math.hypot(...expected);
      for (const [d, value] of expected.entries()) assert.ok(Math.abs(value / norm - body.embeddings[i][d]) < 1e-5);
      const found = await server.http.post("/v1/search").attach("image", image, "a.png").expect(200);
      assert.ok(found.body.matches[0].score > 0.9999);
    }
  });
});
