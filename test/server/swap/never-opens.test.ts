// A swap to a model that never finishes opening: it can be cancelled, the server can be stopped, and nothing is left
// behind.
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { SwapView } from "../../../server/domain/swap.ts";
import { endlessLoop, endlessLoopOfTwo } from "../../../support/hostile-models.ts";
import { encoderPids, untilGone } from "../../../support/processes.ts";
import { type ServerProcess, startServerProcess } from "../../../support/server-process.ts";
import { untilEnded } from "../../../support/swaps.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { writeTinyModel } from "../../../support/tiny-model.ts";

describe("a swap to a model that never finishes opening", function () {
  this.timeout(120_000);
  let server: ServerProcess;
  let folder: string;
  let remove: () => Promise<void>;
  let activeEncoder: number[];

  const start = async (env: NodeJS.ProcessEnv = {}) => {
    server = await startServerProcess(folder, ["--threads", "1"], env);
    activeEncoder = encoderPids(server.child.pid).slice(0, 1); // a swap that goes on has begun another
  };
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    await writeTinyModel(join(folder, "models"), "default");
    await writeTinyModel(join(folder, "models"), "good", { seed: 2 });
    await writeTinyModel(join(folder, "models"), "endless", { norm: endlessLoop() });
    await writeTinyModel(join(folder, "models"), "endless-of-two", { norm: endlessLoopOfTwo() });
    await start();
  });
  after(async () => {
    await server.stop("SIGKILL");
    await remove();
  });

  const ask = async (method: "GET" | "POST", path: string, status: number) => {
    const response = await fetch(`${server.url}${path}`, { method });
    // biome-ignore lint/suspicious/noExplicitAny: the tests say what they expect of it
    const body: any = await response.json();
    assert.equal(response.status, status, JSON.stringify(body));
    return body;
  };
  const swapOf = (id: string): Promise<SwapView> => ask("GET", `/v1/swaps/${id}`, 200);
  /** Begins the swap and waits until its encoder hangs; the swap's id. */
  const hang = async (model: string, state: "loading" | "warming"): Promise<string> => {
    const { swap } = await ask("POST", `/v1/models/${model}/activate`, 202);
    while (encoderPids(server.child.pid).length < 2) await sleep(50);
    while ((await swapOf(swap.id)).state !== state) await sleep(50);
    await sleep(300);
    assert.equal((await swapOf(swap.id)).state, state);
    return swap.id;
  };
  const candidates = () => encoderPids(server.child.pid).filter((pid) => !activeEncoder.includes(pid));

  for (const [model, state] of [
    ["endless", "loading"],
    ["endless-of-two", "warming"],
  ] as const) {
    it(`a cancel ends it at once while it is ${state}, and the next one can begin`, async () => {
      const id = await hang(model, state);
      const pids = candidates();
      assert.equal((await ask("POST", `/v1/swaps/${id}/cancel`, 202)).swap.state, "cancelled");
      await untilGone(pids, 5);
      const { swap } = await ask("POST", "/v1/models/good/activate", 202);
      assert.equal((await untilEnded(() => swapOf(swap.id))).state, "active");
      const { swap: back } = await ask("POST", "/v1/rollback", 202);
      assert.equal((await untilEnded(() => swapOf(back.id))).state, "active");
      activeEncoder = encoderPids(server.child.pid);
    });
  }

  it("a cancel is on disk when it is answered: a kill right after it does not bring the swap back", async () => {
    const id = await hang("endless", "loading");
    await ask("POST", `/v1/swaps/${id}/cancel`, 202);
    await server.stop("SIGKILL");
    await start();
    assert.equal((await swapOf(id)).state, "cancelled");
    assert.deepEqual(candidates(), []);
  });

  it("SIGTERM ends the server soon", async () => {
    await hang("endless", "loading");
    const pids = encoderPids(server.child.pid);
    const began = performance.now();
    assert.equal(await server.stop("SIGTERM"), 0);
    const seconds = (performance.now() - began) / 1000;
    assert.ok(seconds < 10, `${seconds} s`);
    await untilGone(pids, 30);
  });

  it("the next start goes on with it, and gives it up after openSeconds", async () => {
    await start({ MOCO_SEARCH_OPEN_SECONDS: "4" });
    const { id } = (await ask("GET", "/v1/swaps?limit=1", 200)).swaps[0];
    const swap = await untilEnded(() => swapOf(id));
    assert.equal(swap.state, "failed");
    assert.match(swap.error!.detail, /openSeconds/);
    assert.deepEqual(candidates(), []);
  });

  it("kill -9 of the server leaves no process behind", async () => {
    await hang("endless", "loading");
    const pids = encoderPids(server.child.pid);
    assert.equal(pids.length, 2);
    await server.stop("SIGKILL");
    await untilGone(pids, 30);
  });
});
