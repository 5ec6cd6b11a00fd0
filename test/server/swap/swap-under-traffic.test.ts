// Continuous searches, uploads and deletes through swaps: nothing fails, every answer is that of the generation it
// names, no stored image is lost and no deleted one comes back.
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { decodeImage } from "../../../core/decode.ts";
import { openEncoder } from "../../../core/encoder-session.ts";
import { readModel } from "../../../core/model-folder.ts";
import { dot } from "../../../core/vector.ts";
import { png } from "../../../support/pictures.ts";
import { activate } from "../../../support/swaps.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";

const STORED = 150;
const PICTURES = 250;
/** Between a client's turns, milliseconds, so that the swaps have room to go on. */
const PAUSE = 100;

describe("swaps under traffic", () => {
  let server: TestServer;
  /** Embeddings of every picture, computed here, by the model's name. */
  const expected: Record<string, Float32Array[]> = {};
  const files: Buffer[] = [];

  before(async () => {
    server = await startTestServer();
    for (let seed = 0; seed < PICTURES; seed++) files.push(await png(seed));
    for (const name of ["default", "other"]) {
      const model = await readModel(server.modelsFolder, name);
      const encoder = await openEncoder(model, { threads: 1 });
      expected[name] = [];
      for (const file of files) {
        expected[name].push(await encoder.embed(await decodeImage(file, model.card.input), 1));
      }
      await encoder.close();
    }
  });
  after(() => server.close());

  it("fails no request, mixes no generations, loses and resurrects nothing", async () => {
    const stored = new Map<string, number>(); // id → picture, acknowledged
    const deleted = new Set<string>();
    const asked: Record<string, number> = { default: 0, other: 0 };
    let running = true;

    const upload = async (picture: number): Promise<string> => {
      const post = server.http.post("/v1/images").attach("image", files[picture]!, "a.png");
      const { body } = await post.field("metadata", JSON.stringify({ picture })).expect(201);
      stored.set(body.images[0].id, picture);
      return body.images[0].id;
    };
    for (let picture = 0; picture < STORED; picture += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, i) => upload(picture + i)));
    }

    const checkAnswer = (
      body: { model: { name: string }; matches: Array<{ id: string; score: number; metadata: { picture: number } }> },
      query: number,
      deletedBefore: ReadonlySet<string>,
    ) => {
      const embeddings = expected[body.model.name]!;
      asked[body.model.name]!++;
      for (const { id, score, metadata } of body.matches) {
        const right = dot(embeddings[query]!, embeddings[metadata.picture]!);
        assert.ok(Math.abs(score - right) < 1e-4, `${body.model.name}: score ${score}, expected ${right}`);
        assert.ok(!deletedBefore.has(id), `deleted image ${id} was found`);
      }
    };
    const searcher = async (start: number) => {
      for (let query = start; running; query = (query + 7) % STORED) {
        const deletedBefore = new Set(deleted);
        const post = server.http.post("/v1/search").attach("image", files[query]!, "a.png");
        const { body } = await post.expect(200);
        assert.equal(body.matches.length, 10);
        checkAnswer(body, query, deletedBefore);
        await sleep(PAUSE);
      }
    };
    const byIdSearcher = async () => {
      const ids = [...stored.keys()].slice(0, 50);
      for (let i = 0; running; i = (i + 1) % ids.length) {
        const deletedBefore = new Set(deleted);
        const { body } = await server.http.post("/v1/search").send({ id: ids[i] }).expect(200);
        checkAnswer(body, stored.get(ids[i]!)!, deletedBefore);
        await sleep(PAUSE);
      }
    };
    const writer = async (start: number) => {
      for (let round = 0; running; round++) {
        const picture = STORED + ((start + round * 3) % (PICTURES - STORED));
        const id = await upload(picture);
        // What was acknowledged is found at once, by whichever generation answers.
        const found = await server.http.post("/v1/search").attach("image", files[picture]!, "a.png").field("k", "50");
        assert.ok(found.body.matches.some((match: { id: string }) => match.id === id));
        await sleep(PAUSE);
        if (round % 3 === 0) continue;
        await server.http.delete(`/v1/images/${id}`).expect(204);
        stored.delete(id);
        deleted.add(id);
      }
    };

    const traffic = [searcher(0), searcher(3), byIdSearcher(), writer(0), writer(1), writer(2)];
    const swaps = async () => {
      try {
        for (const name of ["other", "default", "other"]) {
          assert.equal((await activate(server, name)).state, "active");
        }
      } finally {
        running = false;
      }
    };
    await Promise.all([...traffic, swaps()]);
    assert.ok(asked.default! > 20 && asked.other! > 20, JSON.stringify(asked));

    // The audit: every acknowledged image is there and the nearest to itself, no other is.
    const listed: string[] = [];
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const { body } = await server.http.get("/v1/images").query({ limit: 200, ...(cursor && { cursor }) });
      listed.push(...body.images.map(({ id }: { id: string }) => id));
      cursor = body.nextCursor;
    }
    assert.deepEqual(listed.sort(), [...stored.keys()].sort());
    const other = expected.other!;
    for (const picture of new Set(stored.values())) {
      const { body } = await server.http
        .post("/v1/search")
        .send({ vector: [...other[picture]!], k: 1 })
        .expect(200);
      assert.ok(Math.abs(body.matches[0].score - 1) < 1e-4);
    }
  });
});
