import assert from "node:assert/strict";
import { png } from "../../../support/pictures.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

const COUNT = 40;

describe("filters, cursors, examples and regions", () => {
  let server: TestServer;
  const ids: string[] = [];
  const embeddings: number[][] = [];
  const search = (body: object) => server.http.post("/v1/search").send(body);
  const cosine = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, value, i) => sum + value * b[i]!, 0) / Math.hypot(...a) / Math.hypot(...b);
  const ranked = (query: readonly number[]) =>
    ids.map((id, i) => ({ id, i, score: cosine(query, embeddings[i]!) })).sort((a, b) => b.score - a.score);

  before(async () => {
    server = await startTestServer();
    for (let seed = 0; seed < COUNT; seed++) {
      const file = await png(seed);
      const post = server.http.post("/v1/images").attach("image", file, "a.png");
      const { body } = await post.field("metadata", JSON.stringify({ seed, even: seed % 2 === 0 })).expect(201);
      ids.push(body.images[0].id);
      embeddings.push((await server.http.post("/v1/embeddings").attach("image", file, "a")).body.embeddings[0]);
    }
  });
  after(() => server.close());

  for (const [what, filter, fits] of [
    ["wide", { field: "even", eq: true }, (i: number) => i % 2 === 0],
    ["selective", { field: "seed", gte: 37 }, (i: number) => i >= 37],
    ["impossible", { field: "seed", gt: 1000 }, () => false],
  ] as const) {
    it(`a ${what} filter gives what exact search over the fitting images gives`, async () => {
      const expected = ranked(embeddings[3]!).filter(({ i }) => fits(i));
      const { body } = await search({ vector: embeddings[3], k: 2, filter }).expect(200);
      assert.deepEqual(
        body.matches.map(({ id }: { id: string }) => id),
        expected.slice(0, 2).map(({ id }) => id),
      );
      const file = await png(3);
      const form = server.http.post("/v1/search").attach("image", file, "q").field("filter", JSON.stringify(filter));
      const byImage = await form.field("k", "2").expect(200);
      assert.deepEqual(
        byImage.body.matches.map(({ id }: { id: string }) => id),
        expected.slice(0, 2).map(({ id }) => id),
      );
    });
  }

  it("GET /v1/images filters page by page", async () => {
    const filter = encodeURIComponent(
      JSON.stringify({
        and: [
          { field: "even", eq: true },
          { field: "seed", lt: 20 },
        ],
      }),
    );
    const seeds: number[] = [];
    let cursor = "";
    do {
      const { body } = await server.http.get(`/v1/images?filter=${filter}&limit=4${cursor}`).expect(200);
      seeds.push(...body.images.map(({ metadata }: { metadata: { seed: number } }) => metadata.seed));
      cursor = body.nextCursor ? `&cursor=${body.nextCursor}` : "";
    } while (cursor);
    assert.deepEqual(seeds, [18, 16, 14, 12, 10, 8, 6, 4, 2, 0]);
  });

  it("GET /v1/images says on its first page how many images fit, and begins with the newest or the oldest", async () => {
    const filter = encodeURIComponent('{"field":"even","eq":true}');
    const list = (query: string) => server.http.get(`/v1/images?${query}`);
    const seeds = ({ images }: { images: Array<{ metadata: { seed: number } }> }) =>
      images.map(({ metadata }) => metadata.seed);
    const first = (await list(`filter=${filter}&limit=3&order=oldest`).expect(200)).body;
    assert.deepEqual([seeds(first), first.total], [[0, 2, 4], COUNT / 2]);
    const next = await list(`filter=${filter}&limit=3&order=oldest&cursor=${first.nextCursor}`).expect(200);
    assert.deepEqual([seeds(next.body), "total" in next.body], [[6, 8, 10], false]);
    assert.equal((await list("limit=3").expect(200)).body.total, COUNT);
    assert.equal((await list("limit=1000").expect(200)).body.total, COUNT);

    const mixed = await list(`cursor=${first.nextCursor}`).expect(400);
    assert.match(mixed.body.detail, /cursor: expected the `order`/);
    await list("order=random").expect(400);
  });

  it("a search goes on where its cursor stands, each image once", async () => {
    const found: string[] = [];
    let cursor: string | undefined;
    do {
      const { body } = await search({ id: ids[5], k: 7, ...(cursor && { cursor }) }).expect(200);
      found.push(...body.matches.map(({ id }: { id: string }) => id));
      cursor = body.nextCursor;
    } while (cursor);
    assert.deepEqual(
      found,
      ranked(embeddings[5]!)
        .slice(1)
        .map(({ id }) => id),
    );
  });

  it("returns 410 for the cursor of another generation and 400 for one it did not give", async () => {
    const cursor = Buffer.from('{"generation":9,"offset":3}').toString("base64url");
    assert.equal((await search({ id: ids[5], cursor }).expect(410)).body.code, "cursor_expired");
    await search({ id: ids[5], cursor: "x" }).expect(400);
  });

  it("positive and negative examples: the mean, moved away from the negative ones", async () => {
    const mean = (a: number, b: number) => embeddings[a]!.map((value, i) => (value + embeddings[b]![i]!) / 2);
    const query = mean(1, 2).map((value, i) => 2 * value - embeddings[9]![i]!);
    const { body } = await search({ positive: [ids[1], ids[2]], negative: [ids[9]], k: 5 }).expect(200);
    const expected = ranked(query).filter(({ i }) => ![1, 2, 9].includes(i));
    assert.deepEqual(
      body.matches.map(({ id }: { id: string }) => id),
      expected.slice(0, 5).map(({ id }) => id),
    );
    await search({ positive: [ids[1], "unknown"] }).expect(404);
    await search({ negative: [ids[1]] }).expect(400);
    assert.equal(
      (await search({ positive: [ids[1]], negative: [ids[1], ids[1]] }).expect(200)).body.matches.length,
      10,
    );
  });

  it("an image with examples: it is one more of the positive ones; the examples are left out of the matches", async () => {
    const given = await png(50);
    const embed = server.http.post("/v1/embeddings").attach("image", given, "q");
    const own: number[] = (await embed.expect(200)).body.embeddings[0];
    const by = (fields: Record<string, string>) =>
      server.http
        .post("/v1/search")
        .attach("image", given, "q")
        .field({ k: "5", ...fields });
    const like = { positive: JSON.stringify([ids[1], ids[2]]), negative: JSON.stringify([ids[9]]) };
    const query = own.map((value, i) => {
      const positive = (value + embeddings[1]![i]! + embeddings[2]![i]!) / 3;
      return positive + (positive - embeddings[9]![i]!);
    });
    const { body } = await by(like).expect(200);
    const expected = ranked(query).filter(({ i }) => ![1, 2, 9].includes(i));
    assert.deepEqual(
      body.matches.map(({ id }: { id: string }) => id),
      expected.slice(0, 5).map(({ id }) => id),
    );
    assert.ok(Math.abs(body.matches[0].score - expected[0]!.score) < 1e-5);
    const unlike = (await by({ negative: like.negative }).expect(200)).body.matches;
    const away = own.map((value, i) => value + (value - embeddings[9]![i]!));
    assert.equal(unlike[0].id, ranked(away)[0]!.id);
    await by({ positive: '["unknown"]' }).expect(404);
    await by({ positive: ids[1]! }).expect(400);
  });

  it("a region of the query finds what the cut-out finds, and must lie inside", async () => {
    const { default: sharp } = await import("sharp");
    const whole = await png(7, { width: 90, height: 70 });
    const cut = await sharp(whole).extract({ left: 20, top: 10, width: 40, height: 30 }).png().toBuffer();
    const by = (file: Buffer, region?: string) => {
      const post = server.http.post("/v1/search").attach("image", file, "q");
      return region ? post.field("region", region) : post;
    };
    const { body: expected } = await by(cut).expect(200);
    const { body } = await by(whole, "20,10,40,30").expect(200);
    assert.deepEqual(body.matches, expected.matches);
    for (const region of ["60,10,40,30", "-1,0,5,5", "0,0,0,5", "1,2,3", "a"]) await by(whole, region).expect(400);
  });

  it("filters by what the server itself knows, in lists and searches", async () => {
    const { width, createdAt } = (await server.http.get(`/v1/images/${ids[20]}`).expect(200)).body;
    const fields = [
      { field: "$width", eq: width },
      { field: "$type", eq: "png" },
      { field: "$createdAt", gte: createdAt },
      { field: "seed", lt: 23 },
    ];
    const found = await search({ id: ids[0], filter: { and: fields } }).expect(200);
    const listed = await server.http.get(`/v1/images?filter=${encodeURIComponent(JSON.stringify({ and: fields }))}`);
    assert.deepEqual(found.body.matches.map(({ id }: { id: string }) => id).sort(), ids.slice(20, 23).sort());
    assert.deepEqual(
      listed.body.images.map(({ id }: { id: string }) => id),
      ids.slice(20, 23).reverse(),
    );
    const { body } = await search({ id: ids[0], filter: { not: { field: "$size", gt: 1 } } }).expect(400);
    assert.match(body.detail, /filter\.not\.field: expected one of \$createdAt, \$type, /);
  });

  it("returns 400 for filters that are none, too deep or too much", async () => {
    await search({ id: ids[1], filter: { field: "a' OR 1=1 --" } }).expect(400);
    await server.http
      .post("/v1/search")
      .set("Content-Type", "application/json")
      .send(`{"id":"${ids[1]}","filter":${'{"not":'.repeat(100_000)}1${"}".repeat(100_000)}}`)
      .expect(400);
    await server.http.get("/v1/images?filter=%7B").expect(400);
  });
});
