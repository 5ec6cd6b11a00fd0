import assert from "node:assert/strict";
import { picture, png } from "../../../support/pictures.ts";
import { activate, swapEnd } from "../../../support/swaps.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";
import { writeTinyModel } from "../../../support/tiny-model.ts";

const PAIRS = 20;

describe("the gate, with a golden set of pairs", () => {
  let server: TestServer;
  const active = async () => (await server.http.get("/v1/models").expect(200)).body.active;

  before(async () => {
    server = await startTestServer({ goldenKey: "pair" });
    const metadata = [];
    let post = server.http.post("/v1/images");
    for (let pair = 0; pair < PAIRS; pair++) {
      for (const brightness of [1, 1.1]) {
        post = post.attach("image", await picture(pair).modulate({ brightness }).png().toBuffer(), "a.png");
        metadata.push({ pair });
      }
    }
    await post.field("metadata", JSON.stringify(metadata)).expect(201);
    await writeTinyModel(server.modelsFolder, "worse", { dimensions: 2 });
    await writeTinyModel(server.modelsFolder, "collapsed", { collapsed: true });
  });
  after(() => server.close());

  it("lets a model pass that finds as much, and keeps the report", async () => {
    const { id, state, report } = await activate(server, "other");
    assert.equal(state, "active");
    const { neighbours, scores, retrieval } = report!.comparison!;
    assert.deepEqual([retrieval?.key, retrieval?.images, retrieval?.allowedDrop], ["pair", 2 * PAIRS, 0.02]);
    assert.ok(retrieval!.before > 0.9 && retrieval!.after > 0.9, JSON.stringify(retrieval));
    assert.ok(neighbours.overlapAt10 > 0.1 && neighbours.overlapAt10 < 1);
    assert.equal(neighbours.changedMost.length, 10);
    const [changed] = neighbours.changedMost;
    assert.ok(changed!.overlapAt10 <= neighbours.overlapAt10);
    assert.ok(changed!.before.length === 10 && !changed!.before.includes(changed!.id));
    await server.http.get(`/v1/images/${changed!.after[0]}`).expect(200);
    for (const { random, nearest, threshold } of [scores!.before, scores!.after]) {
      assert.ok(random.p1 <= random.p50 && random.p50 < nearest.p50 && random.p50 < threshold);
    }
    assert.ok(Math.abs((await active()).threshold - scores!.after.threshold) < 1e-6);
    await server.restart();
    assert.deepEqual((await server.http.get(`/v1/swaps/${id}`)).body.report, report);
  });

  it("refuses a model that finds less, says so, and keeps the report", async () => {
    const before = await active();
    const { state, error, report } = await activate(server, "worse");
    assert.deepEqual([state, error?.code], ["failed", "worse_model"]);
    assert.match(error!.detail, /40 images that "pair" groups.*mean average precision is 0\.\d+.*Force/);
    const { before: old, after } = report!.comparison!.retrieval!;
    assert.ok(after < old - 0.02);
    assert.deepEqual(await active(), before);
  });

  it("lets it pass by force, and can be undone", async () => {
    const { state, force } = await activate(server, "worse", { force: true });
    assert.deepEqual([state, force], ["active", true]);
    assert.equal((await active()).card.name, "worse");
    const { body } = await server.http.post("/v1/rollback").expect(202);
    assert.equal((await swapEnd(server, body.swap.id)).state, "active");
    assert.equal((await active()).card.name, "other");
  });

  it("refuses a broken model by force too", async () => {
    const { state, error } = await activate(server, "collapsed", { force: true });
    assert.deepEqual([state, error?.code], ["failed", "invalid_model"]);
  });
});

describe("the gate, without being told of a golden set", () => {
  let server: TestServer;
  const upload = async (files: readonly Buffer[], metadata: readonly object[]) => {
    let post = server.http.post("/v1/images");
    for (const file of files) post = post.attach("image", file, "a.png");
    await post.field("metadata", JSON.stringify(metadata)).expect(201);
  };
  /** So many that ten neighbours drawn at random overlap by far less than the gate's bound. */
  const uploadUnlabelled = async () => {
    const files = await Promise.all(Array.from({ length: 120 }, (_, seed) => png(seed)));
    await upload(
      files,
      files.map(() => ({})),
    );
  };
  beforeEach(async () => {
    server = await startTestServer();
    await writeTinyModel(server.modelsFolder, "worse", { dimensions: 1 });
  });
  afterEach(() => server.close());

  it("goes by labels where images have them", async () => {
    const pairs = Array.from({ length: 60 }, (_, i) => ({
      label: `${Math.floor(i / 2)}`,
      brightness: 1 + (i % 2) / 10,
    }));
    const files = pairs.map(({ label, brightness }) =>
      picture(Number(label)).modulate({ brightness }).png().toBuffer(),
    );
    await upload(
      await Promise.all(files),
      pairs.map(({ label }) => ({ label })),
    );
    const { state, error } = await activate(server, "worse");
    assert.deepEqual([state, error?.code], ["failed", "worse_model"]);
    assert.match(error!.detail, /60 images that "label" groups/);
  });

  it("says in words, without labels, that neighbours have changed and that little was learned", async () => {
    await uploadUnlabelled();
    const { state, report } = await activate(server, "worse");
    assert.equal(state, "active");
    const { neighbours, views, retrieval } = report!.comparison!;
    assert.equal(retrieval, undefined);
    assert.equal(views!.images, 40);
    assert.ok(views!.after <= views!.pixels, JSON.stringify(views));
    assert.ok(neighbours.overlapAt10 < 0.2);
    assert.match(
      report!.warnings!.join(" "),
      /^Only \d+\.\d % of the 10 nearest.* It finds the other crop of 0\.0 % of 40 images first, and comparing pixels .*: it has learned next to nothing/,
    );
  });

  it("says nothing of neighbours that stay", async () => {
    await uploadUnlabelled();
    await writeTinyModel(server.modelsFolder, "twin", { seed: 1, size: 32 });
    const { state, report } = await activate(server, "twin");
    assert.equal(state, "active");
    assert.ok(report!.comparison!.neighbours.overlapAt10 > 0.5);
    assert.doesNotMatch(report!.warnings!.join(" "), /searches will answer otherwise/);
  });
});
