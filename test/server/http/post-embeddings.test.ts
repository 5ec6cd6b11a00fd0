import assert from "node:assert/strict";
import { decodeImage } from "../../../core/decode.ts";
import { openEncoder } from "../../../core/encoder-session.ts";
import { readModel } from "../../../core/model-folder.ts";
import { png } from "../../../support/pictures.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

describe("POST /v1/embeddings", () => {
  let server: TestServer;
  before(async () => {
    server = await startTestServer({ maxImages: 4, maxImageBytes: 100_000, maxRequestBytes: 150_000 });
  });
  after(() => server.close());

  it("gives what the encoder gives, in the order of the images, and names the model", async () => {
    const files = await Promise.all([1, 2, 3].map((seed) => png(seed)));
    const model = await readModel(server.modelsFolder, "default");
    const encoder = await openEncoder(model);
    let post = server.http.post("/v1/embeddings");
    for (const [i, file] of files.entries()) post = post.attach("image", file, `${i}.png`);
    const { body } = await post.expect(200);
    assert.deepEqual(body.model, { name: "default", version: "seed-1", sha256: model.card.sha256 });
    assert.equal(body.generation, 1);
    assert.equal(body.dimensions, 16);
    for (const [i, file] of files.entries()) {
      const expected = await encoder.embed(await decodeImage(file, model.card.input), 1);
      for (const [d, value] of expected.entries()) assert.ok(Math.abs(value - body.embeddings[i][d]) < 1e-5);
    }
    await encoder.close();
  });

  it("stores nothing", async () => {
    await server.http
      .post("/v1/embeddings")
      .attach("image", await png(1), "a.png")
      .expect(200);
    const { body } = await server.http.get("/v1/images").expect(200);
    assert.deepEqual(body.images, []);
  });

  it("answers many requests at once, each with its own", async () => {
    const files = await Promise.all(Array.from({ length: 12 }, (_, seed) => png(seed)));
    const embed = async (file: Buffer) =>
      (await server.http.post("/v1/embeddings").attach("image", file, "a.png").expect(200)).body
        .embeddings[0] as number[];
    const alone: number[][] = [];
    for (const file of files) alone.push(await embed(file));
    const together = await Promise.all(files.map(embed));
    for (const [i, embedding] of together.entries()) {
      for (const [d, value] of embedding.entries()) assert.ok(Math.abs(value - alone[i]![d]!) < 1e-5);
    }
  });

  it("returns 415 when one of the images is none", async () => {
    const post = server.http.post("/v1/embeddings").attach("image", await png(1), "a.png");
    const { body } = await post.attach("image", Buffer.from("not an image at all"), "b.png").expect(415);
    assert.equal(body.code, "unsupported_image_type");
  });

  it("returns 413 for too many, too large, and too large in sum", async () => {
    const file = await png(1);
    let many = server.http.post("/v1/embeddings");
    for (let i = 0; i < 5; i++) many = many.attach("image", file, "a.png");
    assert.equal((await many.expect(413)).body.code, "payload_too_large");
    const large = server.http.post("/v1/embeddings").attach("image", Buffer.alloc(100_001), "a.png");
    assert.equal((await large.expect(413)).body.code, "payload_too_large");
    const sum = server.http.post("/v1/embeddings").attach("image", Buffer.alloc(90_000), "a.png");
    assert.equal((await sum.attach("image", Buffer.alloc(90_000), "b.png").expect(413)).body.code, "payload_too_large");
  });

  it("returns 405 for another method and says which one is expected", async () => {
    const { body, headers } = await server.http.get("/v1/embeddings").expect(405);
    assert.equal(body.code, "method_not_allowed");
    assert.equal(headers.allow, "POST");
  });
});
