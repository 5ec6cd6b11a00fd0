// Everything that is known to have hurt a server, and its siblings, against a real one. During each attack /livez must
// not wait, memory stays bounded, and what a reader may send costs the server's main thread no more than a second.
//
//   npm run test:hostile
//   MOCO_HOSTILE_ROUNDS=1 npm run test:hostile     each attack once instead of three times, and with shorter deadlines
//   npm run test:hostile -- --grep connections     one kind of attack
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { png } from "../../support/pictures.ts";
import { processTree } from "../../support/process-tree.ts";
import { untilGone } from "../../support/processes.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { type Cost, type ServerWatch, watchServer } from "../../support/server-watch.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { type Attacked, ROUNDS } from "./attacked.ts";
import { connectionAttacks } from "./connections.ts";
import { faults } from "./faults.ts";
import { imageAttacks } from "./images.ts";
import { jsonAttacks } from "./json.ts";
import { modelAttacks, writeModels } from "./models.ts";

const MAX_LIVEZ_SECONDS = 1;
const MAX_MEMORY = 1.5 * 1024 ** 3;
/** CPU seconds of the main thread that one request of a reader may cost. */
const MAX_REQUEST_SECONDS = 1;
/** Seconds within which a model must be open, a run of it over and an image decoded. */
const DEADLINE = ROUNDS === 1 ? "20" : "30";
/** Images that are there before, during and after everything. */
const IMAGES = 20;

describe("a server under attack", function () {
  this.timeout(600_000);
  let server: ServerProcess;
  let watch: ServerWatch;
  let folder: string;
  let remove: () => Promise<void>;
  const costs: Array<{ kind: "input" | "fault"; what: string; cost: Cost }> = [];

  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    await writeModels(join(folder, "models"));
    server = await startServerProcess(folder, ["--threads", "1", "--log-level", "silent"], {
      MOCO_SEARCH_OPEN_SECONDS: DEADLINE,
      MOCO_SEARCH_RUN_SECONDS: DEADLINE,
      MOCO_SEARCH_DECODE_SECONDS: DEADLINE,
      MOCO_SEARCH_READ_SECONDS: "5",
    });
    watch = await watchServer(server);
    for (let seed = 0; seed < IMAGES; seed++) await upload(await png(seed), 201);
  });
  after(async () => {
    const pids = processTree(server.child.pid!);
    await watch.close();
    assert.equal(await server.stop(), 0);
    await untilGone(pids, 10);
    await remove();
    for (const kind of ["input", "fault"] as const) {
      console.log(
        `      kinds of ${kind === "input" ? "bad input" : "fault"}: ${costs.filter((one) => one.kind === kind).length}`,
      );
    }
    const most = (of: (cost: Cost) => number) => Math.max(...costs.map(({ cost }) => of(cost)));
    console.log(
      `      /livez waited at most ${most(({ livezSeconds }) => livezSeconds).toFixed(2)} s, memory at most ${Math.round(most(({ memory }) => memory) / 1e6)} MB`,
    );
  });

  const form: Attacked["form"] = (file, fields = {}) => {
    const body = new FormData();
    body.append("image", new Blob([file as Uint8Array<ArrayBuffer>]), "a");
    for (const [name, value] of Object.entries(fields)) body.append(name, value);
    return body;
  };
  const ask: Attacked["ask"] = async (method, path, statuses, body) => {
    const headers = typeof body === "string" ? { "Content-Type": "application/json" } : {};
    const response = await fetch(`${server.url}${path}`, { method, headers, ...(body !== undefined && { body }) });
    const text = await response.text();
    assert.ok([statuses].flat().includes(response.status), `${response.status} ${text.slice(0, 300)}`);
    return text.startsWith("{") ? JSON.parse(text) : {};
  };
  const upload: Attacked["upload"] = (file, statuses) => ask("POST", "/v1/images", statuses, form(file));
  const search: Attacked["search"] = (file, statuses, fields) =>
    ask("POST", "/v1/search", statuses, form(file, fields));

  const isWhole = async () => {
    for (let tries = 0; (await fetch(`${server.url}/readyz`)).status !== 200; tries++) {
      assert.ok(tries < 600, "the server does not become ready again");
      await sleep(100);
    }
    for (const seed of [0, IMAGES - 1]) {
      const { matches } = await search(await png(seed), 200, { k: "1" });
      assert.ok(matches[0].score > 0.9999, `image ${seed} is not found`);
    }
  };

  const attack: Attacked["attack"] = (kind, what, run, { requestsOfReader = 0 } = {}) =>
    it(what, async () => {
      const cost = await watch.costOf(run);
      costs.push({ kind, what, cost });
      const { livezSeconds, memory, mainThreadSeconds } = cost;
      console.log(
        `        /livez ${livezSeconds.toFixed(2)} s, memory ${Math.round(memory / 1e6)} MB, main thread ${mainThreadSeconds.toFixed(2)} s`,
      );
      assert.ok(livezSeconds < MAX_LIVEZ_SECONDS, `/livez waited ${livezSeconds} s`);
      assert.ok(memory < MAX_MEMORY, `${memory / 1e6} MB`);
      if (requestsOfReader > 0) {
        const each = mainThreadSeconds / requestsOfReader;
        assert.ok(each < MAX_REQUEST_SECONDS, `${each} s of the main thread`);
      }
      await isWhole();
    });

  const attacked: Attacked = { server: () => server, folder: () => folder, attack, ask, form, upload, search, isWhole };
  describe("JSON", () => jsonAttacks(attacked));
  describe("images", () => imageAttacks(attacked));
  describe("connections", () => connectionAttacks(attacked));
  describe("models", () => modelAttacks(attacked));
  describe("faults", () => faults(attacked));
});
