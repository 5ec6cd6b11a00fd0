import assert from "node:assert/strict";
import sharp from "sharp";
import { encodeMask } from "../../../core/mask.ts";
import { png } from "../../../support/pictures.ts";
import { activate } from "../../../support/swaps.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";
import { writeTinyModel } from "../../../support/tiny-model.ts";

describe("search by shape", () => {
  let server: TestServer;
  /** Blue on the left, red in a square of the right half; alone, each is stored as a picture of one colour. */
  let scene: Buffer;
  const ids: Record<string, string> = {};
  const plain = (background: string) =>
    sharp({ create: { width: 64, height: 48, channels: 3, background } })
      .png()
      .toBuffer();
  const onRed = { x: 0.7, y: 0.5 };
  const onBlue = { x: 0.1, y: 0.9 };
  const store = async (name: string, bytes: Buffer) => {
    const { body } = await server.http.post("/v1/images").attach("image", bytes, name).expect(201);
    ids[name] = body.images[0].id;
  };
  const segment = (point: unknown, more: Record<string, string> = {}) => {
    let request = server.http.post("/v1/segments").attach("image", scene, "scene.png");
    request = request.field("point", JSON.stringify(point));
    for (const [name, value] of Object.entries(more)) request = request.field(name, value);
    return request;
  };
  const search = (fields: Record<string, string>) => {
    let request = server.http.post("/v1/search").attach("image", scene, "scene.png");
    for (const [name, value] of Object.entries(fields)) request = request.field(name, value);
    return request;
  };
  const first = (body: { matches: Array<{ id: string }> }) => body.matches[0]!.id;
  const maskOf = async (width: number, height: number, isInside: (x: number, y: number) => boolean) =>
    (
      await encodeMask({
        width,
        height,
        inside: Uint8Array.from({ length: width * height }, (_, i) =>
          isInside(i % width, Math.floor(i / width)) ? 1 : 0,
        ),
      })
    ).toString("base64");

  before(async () => {
    server = await startTestServer();
    const red = await sharp({ create: { width: 96, height: 96, channels: 3, background: "#d02020" } })
      .png()
      .toBuffer();
    scene = await sharp({ create: { width: 256, height: 192, channels: 3, background: "#2030d0" } })
      .composite([{ input: red, left: 128, top: 48 }])
      .png()
      .toBuffer();
    await store("scene", scene);
    await store("red", await plain("#d02020"));
    await store("blue", await plain("#2030d0"));
  });
  after(() => server.close());

  it("answers 422 no_cells where the model has none, and says what to do", async () => {
    for (const request of [segment(onRed), search({ point: JSON.stringify(onRed) })]) {
      const { body } = await request.expect(422);
      assert.equal(body.code, "no_cells");
      assert.match(body.detail, /Export the model again/);
    }
  });

  it("swaps to a model with cells, which come with it and go with it", async () => {
    await writeTinyModel(server.modelsFolder, "dense", { seed: 3, size: 32, cells: true });
    assert.equal((await activate(server, "dense", { force: true })).state, "active");
    const { body } = await segment(onRed).expect(200);
    assert.equal(body.model.name, "dense");
    assert.equal(body.generation, (await search({}).expect(200)).body.generation);
  });

  it("finds the shape in a file and in a stored image alike", async () => {
    const { body } = await segment(onRed).expect(200);
    const stored = await server.http.post("/v1/segments").send({ id: ids.scene, point: onRed }).expect(200);
    assert.deepEqual(stored.body, body);
    const { data, info } = await sharp(Buffer.from(body.mask, "base64"))
      .toColourspace("b-w")
      .raw()
      .toBuffer({ resolveWithObject: true });
    assert.deepEqual([info.width, info.height, info.channels], [128, 96, 1]);
    let [both, either] = [0, 0];
    for (const [i, value] of data.entries()) {
      const [x, y] = [i % 128, Math.floor(i / 128)];
      const expected = x >= 64 && x < 112 && y >= 24 && y < 72;
      if (expected && value === 255) both++;
      if (expected || value === 255) either++;
    }
    assert.ok(both / either > 0.8, `IoU ${both / either}`);
    assert.ok(Math.abs(body.area - (96 * 96) / (256 * 192)) < 0.05, `area ${body.area}`);
    for (const [side, expected] of Object.entries({ x: 128, y: 48, width: 96, height: 96 })) {
      assert.ok(Math.abs(body.box[side] - expected) <= 12, `${side} of ${JSON.stringify(body.box)}`);
    }
  });

  it("takes several points, and points beside the thing", async () => {
    const one = (await segment(onRed).expect(200)).body.area;
    const both = (await segment([onRed, onBlue]).expect(200)).body.area;
    assert.ok(both > 2 * one, `${both} and ${one}`);
    const without = (await segment(onRed, { outside: JSON.stringify([onBlue]) }).expect(200)).body.area;
    assert.ok(without <= one + 0.02, `${without} and ${one}`);
  });

  it("searches by a point or a mask, in a file and in a stored image", async () => {
    for (const [point, expected] of [[onRed, "red"] as const, [onBlue, "blue"] as const]) {
      const { mask } = (await segment(point).expect(200)).body;
      const byPoint = (await search({ point: JSON.stringify(point) }).expect(200)).body;
      const byMask = (await search({ mask }).expect(200)).body;
      assert.deepEqual([first(byPoint), first(byMask)], [ids[expected], ids[expected]]);
      assert.deepEqual(byMask.matches, byPoint.matches);
      for (const shape of [{ point }, { mask }]) {
        const { body } = await server.http
          .post("/v1/search")
          .send({ id: ids.scene, ...shape })
          .expect(200);
        assert.equal(first(body), ids[expected]);
        assert.ok(!body.matches.some(({ id }: { id: string }) => id === ids.scene), "the image itself is left out");
        assert.deepEqual([body.generation, body.model.name], [byPoint.generation, "dense"]);
      }
    }
  });

  it("takes examples and a filter beside a shape", async () => {
    const negative = JSON.stringify([ids.red]);
    const { body } = await search({ point: JSON.stringify(onRed), negative, k: "5" }).expect(200);
    assert.ok(body.matches.every(({ id }: { id: string }) => id !== ids.red));
  });

  const wrong: Record<string, () => Promise<Record<string, string>> | Record<string, string>> = {
    "a point outside": () => ({ point: '{"x":1.2,"y":0.5}' }),
    "a point without y": () => ({ point: '{"x":0.5}' }),
    "no points": () => ({ point: "[]" }),
    "a point that is no JSON": () => ({ point: "0.5,0.5" }),
    "both a point and a box": () => ({ point: JSON.stringify(onRed), region: "0,0,10,10" }),
    "both a point and a mask": async () => ({
      point: JSON.stringify(onRed),
      mask: await maskOf(128, 96, () => true),
    }),
    "points beside nothing": () => ({ outside: JSON.stringify([onRed]) }),
    "an empty mask": async () => ({ mask: await maskOf(128, 96, () => false) }),
    "a mask of other proportions": async () => ({ mask: await maskOf(100, 100, () => true) }),
    "a mask that is too large": async () => ({ mask: await maskOf(1028, 771, () => true) }),
    "a mask that is no image": () => ({ mask: Buffer.from("nothing at all").toString("base64") }),
    "a mask that is no base64": () => ({ mask: "%%%" }),
    "a mask in colours": async () => ({ mask: (await png(1)).toString("base64") }),
  };
  for (const [what, fields] of Object.entries(wrong)) {
    it(`answers 400 for ${what}`, async () => {
      const { body } = await search(await fields()).expect(400);
      assert.equal(body.code, "invalid_request");
      assert.match(body.detail, /expected/i);
    });
  }

  it("answers 400 for a shape of no stored image, and for a segment without a point; 404 for an unknown image", async () => {
    const send = (path: string, body: object) => server.http.post(path).send(body);
    await send("/v1/search", { vector: Array(16).fill(1), point: onRed }).expect(400);
    await send("/v1/search", { positive: [ids.red], mask: "AAAA" }).expect(400);
    await send("/v1/search", { id: ids.scene, outside: [onRed] }).expect(400);
    await send("/v1/segments", { id: ids.scene }).expect(400);
    await send("/v1/segments", { id: ids.scene, point: onRed, k: 3 }).expect(400);
    assert.equal((await send("/v1/segments", { id: "f00", point: onRed }).expect(404)).body.code, "image_not_found");
    assert.equal((await send("/v1/search", { id: "f00", point: onRed }).expect(404)).body.code, "image_not_found");
    await server.http.get("/v1/segments").expect(405);
  });

  it("never mixes two models: what is answered during a swap names the one that computed it", async () => {
    await writeTinyModel(server.modelsFolder, "later", { seed: 4, size: 32, dimensions: 24, cells: true });
    const answers: Array<{ name: string; generation: number; nearest: string }> = [];
    const swap = activate(server, "later", { force: true });
    while (answers.at(-1)?.name !== "later") {
      const found = (await search({ point: JSON.stringify(onRed) }).expect(200)).body;
      answers.push({ ...found.model, generation: found.generation, nearest: first(found) });
      const { model, generation } = (await segment(onRed).expect(200)).body;
      answers.push({ ...model, generation, nearest: ids.red! });
    }
    assert.equal((await swap).state, "active");
    const names = new Map(answers.map(({ name, generation }) => [name, generation]));
    assert.deepEqual([...names.keys()], ["dense", "later"]);
    assert.ok(answers.every(({ name, generation }) => names.get(name) === generation));
    assert.ok(answers.every(({ nearest }) => nearest === ids.red));
  });
});
