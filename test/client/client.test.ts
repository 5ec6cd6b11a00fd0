import assert from "node:assert/strict";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { awaitsApproval, type Client, createClient, hasEnded, hasStopped, type SwapView } from "../../client/index.ts";
import { AppError, type ErrorCode } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import { siblingModule } from "../../core/paths.ts";
import { openApiDocument } from "../../server/http/openapi.ts";
import { png } from "../../support/pictures.ts";
import { startTestServer, type TestServer } from "../../support/test-server.ts";
import { writeTinyModel } from "../../support/tiny-model.ts";

/** Matches the AppError of a code. */
const code = (expected: ErrorCode) => (error: unknown) => error instanceof AppError && error.code === expected;

describe("moco-search/client", () => {
  let server: TestServer;
  let client: Client;
  /** What was requested, such as "get /v1/images/x". */
  const requested = new Set<string>();
  before(async () => {
    server = await startTestServer(
      { trainings: true },
      {
        runTraining: async (_args, { signal }) => {
          await once(signal, "abort"); // a training that never ends by itself
          return { code: 130, signal: null, words: "" };
        },
      },
    );
    await writeTinyModel(server.modelsFolder, "other", {
      seed: 2,
      dimensions: 24,
      size: 24,
      cells: true,
      replace: true,
    });
    client = createClient(server.url, {
      fetch: (url, init) => {
        requested.add(`${init!.method!.toLowerCase()} ${new URL(String(url)).pathname}`);
        return fetch(url, init);
      },
    });
  });
  after(() => server.close());

  const end = async (begun: SwapView) => {
    let swap = begun;
    for await (swap of client.followSwap(begun.id)) if (hasEnded(swap)) break;
    return swap.state;
  };

  it("stores images and finds them, as files, ids, vectors and examples", async () => {
    const files = await Promise.all(
      [1, 2, 3, 4].map(async (seed) => ({ name: `${seed}.png`, bytes: await png(seed) })),
    );
    const metadata = files.map(({ name }, i) => ({ name, place: i }));
    const { images, errors } = await client.storeImages(files, { metadata });
    assert.deepEqual([images.length, errors], [4, []]);
    const [first, second, third] = images;

    const found = await client.searchByImage(new Blob([new Uint8Array(files[0]!.bytes)]), { k: 2, minScore: -1 });
    assert.equal(found.matches[0]!.id, first!.id);
    assert.ok(Math.abs(found.matches[0]!.score - 1) < 1e-4);
    const next = await client.searchByImage(files[0]!, { k: 2, minScore: -1, cursor: found.nextCursor });
    assert.ok(!next.matches.some(({ id }) => id === first!.id));
    const narrowed = await client.searchByImage(files[0]!, {
      region: { x: 0, y: 0, width: 8, height: 8 },
      filter: { field: "place", gte: 1 },
      positive: [second!.id],
      negative: [third!.id],
    });
    assert.deepEqual(
      narrowed.matches.map(({ metadata }) => metadata.place),
      [3],
    );

    const [vector] = (await client.embedImages([files[1]!])).embeddings;
    assert.equal((await client.search({ vector: vector! })).matches[0]!.id, second!.id);
    assert.notEqual((await client.search({ id: second!.id })).matches[0]!.id, second!.id);
    assert.ok((await client.search({ positive: [first!.id], negative: [second!.id] })).matches.length > 0);
  });

  it("sends an upload with its key, which stores nothing twice", async () => {
    const upload = () => client.storeImages([new File([], "x"), new File([x], "x.png")], { idempotencyKey: "k" });
    const x = new Uint8Array(await png(9));
    const [{ images, errors }, again] = [await upload(), await upload()];
    assert.deepEqual([errors[0]!.index, errors[0]!.name, errors[0]!.code], [0, "x", "empty_image"]);
    assert.equal(again.images[0]!.id, images[0]!.id);
    await client.deleteImage(images[0]!.id);
    await assert.rejects(client.getImage(images[0]!.id), code("image_not_found"));
  });

  it("lists page by page, changes, reads and compares images", async () => {
    const { images, nextCursor, total } = await client.listImages({ limit: 1 });
    assert.equal(total, 4);
    const page = await client.listImages({ limit: 3, cursor: nextCursor });
    assert.equal(new Set([...images, ...page.images].map(({ id }) => id)).size, 4);
    const each: string[] = [];
    for await (const { id } of client.eachImage({ limit: 2, filter: { field: "place", lt: 3 } })) each.push(id);
    assert.equal(each.length, 2);
    const oldest: string[] = [];
    for await (const { id } of client.eachImage({ order: "oldest" })) oldest.push(id);
    assert.equal(oldest.at(-1), images[0]!.id);

    const { id, sha256: hash, metadata } = images[0]!;
    assert.deepEqual((await client.changeImage(id, { place: null, new: true })).metadata, {
      name: metadata.name,
      new: true,
    });
    assert.equal((await client.getImage(id)).metadata.new, true);
    assert.equal(sha256(new Uint8Array(await (await client.getImageContent(id)).arrayBuffer())), hash);
    assert.equal((await client.getImageContent(id, { size: 16 })).type, "image/webp");
    assert.deepEqual(await client.knownImages([hash, "0".repeat(64)]), [hash]);
    assert.ok((await client.findDuplicates({ threshold: 0, limit: 1 })).groups[0]!.images.length > 1);
    assert.equal((await client.getMap()).stored, 4);
    assert.equal(await client.getMapProgress(), 1);
    assert.deepEqual(await client.changeImages([id, "none"], { late: true }), { changed: 1, missing: ["none"] });
    assert.deepEqual(await client.deleteImages(["none"]), { deleted: 0, missing: ["none"] });
    const archive = new Uint8Array(await new Response(await client.archiveImages([id])).arrayBuffer());
    assert.equal(new TextDecoder().decode(archive.subarray(0, 2)), "PK");
    const { total: counted, fields } = await client.getFacets({
      filter: { field: "place", exists: true },
      field: "name",
    });
    assert.deepEqual([counted, fields[0]!.distinct], [3, 3]);
  });

  it("moves the server to another model and back, and follows it", async function () {
    this.timeout(180_000); // four swaps
    const toReview = async () => {
      const { id } = await client.activateModel("other", { force: true, review: true });
      for await (const swap of client.followSwap(id)) if (awaitsApproval(swap)) break;
      return id;
    };
    assert.equal((await client.discardSwap(await toReview())).state, "cancelled");
    const approved = await toReview();
    assert.equal(await end(await client.approveSwap(approved)), "active");
    assert.equal((await client.listSwaps({ limit: 1 }))[0]!.id, approved);

    const { active, models } = await client.listModels();
    assert.deepEqual([active!.card.name, models.length], ["other", 2]);
    assert.equal((await client.getModel("other")).state, "active");
    const stored = (await client.listImages({ limit: 1 })).images[0]!;
    const point = { x: 0.5, y: 0.5 };
    const { mask, box, area } = await client.segment({ id: stored.id, point });
    assert.ok(area > 0 && area <= 1 && box.width > 0 && box.height > 0);
    const found = await client.search({ id: stored.id, mask, minScore: -1 });
    assert.deepEqual([found.matches.length, found.model.name], [3, "other"]);
    const file = await client.getImageContent(stored.id);
    assert.equal((await client.segmentImage(file, { point: [point], outside: [] })).mask, mask);
    const byMask = (await client.searchByImage(file, { mask, minScore: -1 })).matches;
    assert.deepEqual(
      byMask.filter(({ id }) => id !== stored.id),
      found.matches,
    );
    assert.deepEqual((await client.searchByImage(file, { point, minScore: -1 })).matches, byMask);

    const { id } = await client.activateModel("default");
    await client.cancelSwap(id);
    assert.equal((await client.getSwap(id)).state, "cancelled");
    assert.equal(await end(await client.rollback()), "active");
  });

  it("asks how the server is", async () => {
    assert.deepEqual([await client.isAlive(), await client.isReady()], [{ status: "ok" }, { status: "ok" }]);
    assert.match(await client.getMetrics(), /^moco_search_images 4$/m);
    assert.ok(Array.isArray(await client.listServers()));
  });

  it("begins trainings, follows, stops, resumes and deletes them", async () => {
    await client.storeImages(
      await Promise.all(Array.from({ length: 16 }, async (_, i) => new Blob([await png(50 + i)]))),
    );
    const { name, state, images } = await client.startTraining({ minutes: 5 });
    assert.deepEqual([state, images], ["preparing", 20]);
    const states: string[] = [];
    for await (const training of client.followTraining(name)) {
      states.push(training.state);
      if (!hasStopped(training)) assert.equal((await client.stopTraining(name)).name, name);
    }
    assert.deepEqual(states, ["preparing", "stopped"]);
    assert.equal((await client.resumeTraining(name)).minutes, 5);
    await client.stopTraining(name);
    for await (const _ of client.followTraining(name));
    assert.equal((await client.getTraining(name)).state, "stopped");
    await assert.rejects(client.getTrainingFile(name, "report.html"), { code: "not_found" });
    await client.deleteTraining(name);
    assert.deepEqual(await client.listTrainings(), { trainings: [], enabled: true });
  });

  it("has a method for each operation of the OpenAPI document, and the tests above use it", () => {
    for (const [path, methods] of Object.entries(openApiDocument().paths!)) {
      for (const [method, operation] of Object.entries(methods)) {
        const { operationId } = operation as { operationId: string };
        assert.ok(operationId in client, operationId);
        const address = new RegExp(`^${method} ${path.replace(/\{\w+\}/g, "[^/]+")}$`);
        assert.ok(
          [...requested].some((request) => address.test(request)),
          `${method} ${path}`,
        );
      }
    }
  });

  it("rejects with the server's code and words", async () => {
    await assert.rejects(client.getSwap("../models"), code("swap_not_found"));
    await assert.rejects(client.search({ vector: [1] }), code("invalid_vector"));
    const missing = client.activateModel("none");
    await assert.rejects(missing, code("model_not_found"));
    await assert.rejects(missing, /There is no such model: .*none/);
    await assert.rejects(createClient("http://127.0.0.1:9").isAlive(), /No server answers at http:\/\/127\.0\.0\.1:9/);
  });

  describe("at an address of another kind", () => {
    let other: Server;
    let url: string;
    let seen: string[] = [];
    before((done) => {
      other = createServer(({ url, headers: { authorization } }, response) => {
        seen.push(`${url} ${authorization}`);
        if (url!.startsWith("/page")) response.end("<html>");
        else if (seen.length < 3) response.writeHead(503, { "Retry-After": "0" }).end("{}");
        else response.end('{"status":"ok"}');
      }).listen(0, "127.0.0.1", done);
    });
    before(() => {
      url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`;
    });
    after(() => void other.close());

    it("sends its key, keeps the path of the address, and asks again while the server is busy", async () => {
      assert.deepEqual(await createClient(`${url}/similar/`, { key: "k" }).isReady(), { status: "ok" });
      assert.deepEqual(seen, Array(3).fill("/similar/readyz Bearer k"));
      seen = [];
      await assert.rejects(createClient(url, { attempts: 2 }).isReady(), code("internal"));
    });

    it("says where something else answers", () =>
      assert.rejects(createClient(`${url}/page`).isAlive(), /not as moco-search does/));
  });

  it("loads neither modules of Node nor the server's schemas, so that browsers can use it", async () => {
    const loaded = new Set<string>();
    const load = async (file: URL) => {
      if (loaded.has(file.pathname)) return;
      loaded.add(file.pathname);
      const source = await readFile(file, "utf8");
      for (const [, name] of source.matchAll(/^(?:import|export) (?!type )(?:[^";]* from )?"([^"]+)"/gm)) {
        if (name!.startsWith(".")) await load(new URL(name!, file));
        else loaded.add(name!);
      }
    };
    await load(siblingModule(import.meta.url, "../../client/index"));
    const packages = [...loaded].filter((name) => !name.startsWith("/"));
    assert.deepEqual(packages, ["eventsource-parser/stream"]);
    assert.ok(loaded.size < 10, [...loaded].join(" "));
  });
});
