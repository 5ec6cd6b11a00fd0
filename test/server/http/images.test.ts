import assert from "node:assert/strict";
import sharp from "sharp";
import { sha256 } from "../../../core/hash.ts";
import { picture, png } from "../../../support/pictures.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

let server: TestServer;
const upload = (file: Buffer, metadata?: unknown) => {
  const post = server.http.post("/v1/images").attach("image", file, "a.png");
  return metadata === undefined ? post : post.field("metadata", JSON.stringify(metadata));
};

async function emptyServer(): Promise<void> {
  server = await startTestServer();
}

describe("POST /v1/images", () => {
  before(emptyServer);
  after(() => server.close());

  it("stores an image with its metadata", async () => {
    const file = await png(1);
    const { body } = await upload(file, { name: "päivä ☀", nested: { list: [1, null] } }).expect(201);
    const [image] = body.images;
    assert.deepEqual(body.errors, []);
    assert.equal(image.sha256, sha256(file));
    assert.deepEqual([image.type, image.width, image.height, image.bytes], ["png", 64, 48, file.length]);
    assert.deepEqual(image.metadata, { name: "päivä ☀", nested: { list: [1, null] } });
    assert.equal(image.duplicateOf, undefined);
    assert.deepEqual((await server.http.get(`/v1/images/${image.id}`).expect(200)).body, image);
  });

  it("reports the same bytes as a duplicate of the oldest", async () => {
    const file = await png(2);
    const first = (await upload(file).expect(201)).body.images[0];
    await upload(file).expect(201);
    const third = (await upload(file).expect(201)).body.images[0];
    assert.equal(third.duplicateOf, first.id);
    assert.notEqual(third.id, first.id);
  });

  it("stores what it can of several files and says what is wrong with the others", async () => {
    const post = server.http
      .post("/v1/images")
      .attach("image", await png(3), "good.png")
      .attach("image", Buffer.from("this is not an image"), "../../bad.txt")
      .attach("image", await png(4), "also-good.png")
      .field("metadata", JSON.stringify([{ n: 0 }, { n: 1 }, { n: 2 }]));
    const { body } = await post.expect(201);
    assert.deepEqual(
      body.images.map((image: { metadata: unknown }) => image.metadata),
      [{ n: 0 }, { n: 2 }],
    );
    assert.equal(body.errors.length, 1);
    assert.deepEqual([body.errors[0].index, body.errors[0].code], [1, "unsupported_image_type"]);
  });

  it("stores the same new bytes sent many times at once as one content", async () => {
    const file = await png(5);
    const images = (await Promise.all(Array.from({ length: 8 }, () => upload(file).expect(201)))).map(
      ({ body }) => body.images[0],
    );
    const oldest = images.filter((image) => image.duplicateOf === undefined);
    assert.equal(oldest.length, 1);
    for (const image of images) assert.equal(image.duplicateOf ?? image.id, oldest[0].id);
  });

  for (const [what, metadata] of Object.entries({
    "is not JSON": "{",
    "is not an object": "3",
    "is a list of another length": "[{},{}]",
  })) {
    it(`returns 400 when the metadata ${what}`, async () => {
      const post = server.http
        .post("/v1/images")
        .attach("image", await png(6), "a.png")
        .field("metadata", metadata);
      assert.equal((await post.expect(400)).body.code, "invalid_request");
    });
  }
});

describe("GET /v1/images", () => {
  before(emptyServer);
  after(() => server.close());

  it("lists newest first, page by page, each image once", async () => {
    const ids: string[] = [];
    for (let seed = 0; seed < 5; seed++) ids.unshift((await upload(await png(seed)).expect(201)).body.images[0].id);
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const { body } = await server.http
        .get("/v1/images")
        .query({ limit: 2, ...(cursor && { cursor }) })
        .expect(200);
      seen.push(...body.images.map(({ id }: { id: string }) => id));
      cursor = body.nextCursor;
    } while (cursor);
    assert.deepEqual(seen, ids);
  });

  for (const query of ["limit=0", "limit=1001", "limit=x", "cursor=x", "colour=red"]) {
    it(`returns 400 for ?${query}`, async () => {
      const { body, headers } = await server.http.get(`/v1/images?${query}`).expect(400);
      assert.equal(body.code, "invalid_request");
      assert.match(String(headers["content-type"]), /^application\/problem\+json/);
      assert.ok(!JSON.stringify(body).includes(".ts"), "no stack");
    });
  }
});

describe("GET /v1/images/{id}", () => {
  before(emptyServer);
  after(() => server.close());

  for (const id of ["unknown", "..%2F..%2Fetc%2Fpasswd", "%00", "a'b"]) {
    it(`returns 404 for ${id}`, async () => {
      assert.equal((await server.http.get(`/v1/images/${id}`).expect(404)).body.code, "image_not_found");
    });
  }
});

describe("GET /v1/images/{id}/content", () => {
  before(emptyServer);
  after(() => server.close());

  it("gives the bytes back as they came", async () => {
    const file = await picture(1).jpeg().toBuffer();
    const { id } = (await upload(file).expect(201)).body.images[0];
    const { body, headers } = await server.http.get(`/v1/images/${id}/content`).expect(200);
    assert.deepEqual(body, file);
    assert.equal(headers["content-type"], "image/jpeg");
    assert.equal(headers["x-content-type-options"], "nosniff");
    await server.http.get(`/v1/images/${id}/content`).set("If-None-Match", String(headers.etag)).expect(304);
  });

  it("gives a thumbnail that keeps the shape and is never larger than the image", async () => {
    const thumbnail = async (file: Buffer, size: number) => {
      const { id } = (await upload(file).expect(201)).body.images[0];
      const { body, headers } = await server.http.get(`/v1/images/${id}/content?size=${size}`).expect(200);
      const { width, height, hasAlpha } = await sharp(body).metadata();
      return [headers["content-type"], width, height, hasAlpha];
    };
    const opaque = await png(2, { width: 120, height: 60 });
    assert.deepEqual(await thumbnail(opaque, 32), ["image/jpeg", 32, 16, false]);
    assert.deepEqual(await thumbnail(opaque, 500), ["image/jpeg", 120, 60, false]);
    const background = { r: 200, g: 30, b: 60, alpha: 0.5 };
    const transparent = await sharp({ create: { width: 90, height: 120, channels: 4, background } })
      .png()
      .toBuffer();
    assert.deepEqual(await thumbnail(transparent, 60), ["image/webp", 45, 60, true]);
    assert.deepEqual(await thumbnail(transparent, 60), ["image/webp", 45, 60, true]); // one that is kept
  });

  it("returns 404 for an unknown id and 400 for a wrong size", async () => {
    await server.http.get("/v1/images/unknown/content").expect(404);
    const { id } = (await upload(await png(3)).expect(201)).body.images[0];
    assert.equal((await server.http.get(`/v1/images/${id}/content?size=0`).expect(400)).body.code, "invalid_request");
  });
});

describe("DELETE /v1/images/{id}", () => {
  before(emptyServer);
  after(() => server.close());

  it("deletes the image, and it is found no more", async () => {
    const file = await png(1);
    const { id } = (await upload(file).expect(201)).body.images[0];
    await server.http.delete(`/v1/images/${id}`).expect(204);
    await server.http.get(`/v1/images/${id}`).expect(404);
    await server.http.get(`/v1/images/${id}/content`).expect(404);
    assert.equal((await server.http.delete(`/v1/images/${id}`).expect(404)).body.code, "image_not_found");
    const { body } = await server.http.post("/v1/search").attach("image", file, "a.png").expect(200);
    assert.deepEqual(body.matches, []);
  });

  it("keeps file and embedding while another image has the same bytes", async () => {
    const file = await png(2);
    const first = (await upload(file).expect(201)).body.images[0];
    const second = (await upload(file).expect(201)).body.images[0];
    await server.http.delete(`/v1/images/${first.id}`).expect(204);
    assert.deepEqual((await server.http.get(`/v1/images/${second.id}/content`).expect(200)).body, file);
    assert.equal((await server.http.get(`/v1/images/${second.id}`).expect(200)).body.duplicateOf, undefined);
    const { body } = await server.http.post("/v1/search").attach("image", file, "a.png").expect(200);
    assert.deepEqual(
      body.matches.map(({ id }: { id: string }) => id),
      [second.id],
    );
  });

  it("loses nothing when the same bytes are uploaded and deleted at once", async () => {
    const file = await png(3);
    for (let round = 0; round < 10; round++) {
      const { id } = (await upload(file).expect(201)).body.images[0];
      const [again] = await Promise.all([upload(file).expect(201), server.http.delete(`/v1/images/${id}`).expect(204)]);
      const kept = again.body.images[0].id;
      assert.deepEqual((await server.http.get(`/v1/images/${kept}/content`).expect(200)).body, file);
      await server.http.delete(`/v1/images/${kept}`).expect(204);
    }
  });
});

describe("POST /v1/images/known", () => {
  before(emptyServer);
  after(() => server.close());

  it("tells which contents are stored, until they are deleted", async () => {
    const { id, sha256: stored } = (await upload(await png(1)).expect(201)).body.images[0];
    const asked = [stored, sha256("another")];
    const ask = async () => (await server.http.post("/v1/images/known").send({ sha256: asked }).expect(200)).body;
    assert.deepEqual(await ask(), { known: [stored] });
    await server.http.delete(`/v1/images/${id}`).expect(204);
    assert.deepEqual(await ask(), { known: [] });
  });
});
