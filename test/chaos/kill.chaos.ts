// kill -9 at random moments under uploads, deletes, searches and swaps: of the server, and as often of a process that
// it has started. Every acknowledged upload must be there afterwards, no acknowledged delete undone, the index equal to
// the stored embeddings, and no process left behind.
//
//   npm run test:chaos                  100 kills
//   MOCO_CHAOS_KILLS=3 npm run test:chaos
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import sharp from "sharp";
import { hasEnded, type SwapView } from "../../server/domain/swap.ts";
import { endlessLoop } from "../../support/hostile-models.ts";
import { png } from "../../support/pictures.ts";
import { processTree } from "../../support/process-tree.ts";
import { untilGone } from "../../support/processes.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { untilEnded } from "../../support/swaps.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { mulberry32, writeTinyModel } from "../../support/tiny-model.ts";

const KILLS = Number(process.env.MOCO_CHAOS_KILLS ?? 100);
const CLIENTS = 6;

const startServer = (folder: string) => startServerProcess(folder, ["--threads", "1", "--log-level", "fatal"]);

describe(`kill -9, ${KILLS} times`, () => {
  it("loses nothing that was acknowledged and brings nothing back", async function () {
    this.timeout(KILLS * 120_000);
    const { folder, remove } = await temporaryFolder();
    await writeTinyModel(join(folder, "models"), "default");
    await writeTinyModel(join(folder, "models"), "other", { seed: 2, dimensions: 24 });
    await writeTinyModel(join(folder, "models"), "endless", { norm: endlessLoop() });
    const large = await sharp({ create: { width: 900, height: 900, channels: 3, background: "#888" } })
      .avif({ effort: 0 })
      .toBuffer();
    const random = mulberry32(Number(process.env.MOCO_CHAOS_SEED ?? 1));
    /**
     * Acknowledged uploads: the seed of the picture by id. An image whose delete was sent is in neither set until
     * acknowledged.
     */
    const present = new Map<string, number>();
    const deleted = new Set<string>();
    let seed = 0;

    /** What a round does to the server. While a process of it is killed, it may ask to try again. */
    interface Round {
      readonly victim: "server" | "child";
      /** The server is killed, or its clients have done enough. */
      isOver: boolean;
    }

    /** Uploads, deletes and searches until the round is over. Any failure before that is a defect. */
    const client = async (url: string, round: Round): Promise<void> => {
      const triesAgain = async (response: Response): Promise<boolean> => {
        if (round.victim !== "child" || response.status !== 503) return false;
        await response.arrayBuffer();
        return true;
      };
      try {
        while (!round.isOver) {
          const draw = random();
          const candidates = [...present.keys()];
          if (draw < 0.6 || candidates.length < 5) {
            const mine = seed++;
            const form = new FormData();
            form.append("image", new Blob([await png(mine, { width: 24, height: 24 })]), "a.png");
            const response = await fetch(`${url}/v1/images`, { method: "POST", body: form });
            if (await triesAgain(response)) continue;
            const { images } = (await response.json()) as { images: Array<{ id: string }> };
            assert.equal(response.status, 201);
            present.set(images[0]!.id, mine);
          } else if (draw < 0.75) {
            const id = candidates[Math.floor(random() * candidates.length)]!;
            present.delete(id);
            const response = await fetch(`${url}/v1/images/${id}`, { method: "DELETE" });
            assert.equal(response.status, 204);
            deleted.add(id);
          } else if (draw < 0.8) {
            const form = new FormData();
            form.append("image", new Blob([large as Uint8Array<ArrayBuffer>]), "a.avif");
            const response = await fetch(`${url}/v1/search`, { method: "POST", body: form });
            if (await triesAgain(response)) continue;
            await response.arrayBuffer();
            assert.equal(response.status, 200);
          } else {
            const id = candidates[Math.floor(random() * candidates.length)]!;
            const response = await fetch(`${url}/v1/search`, {
              method: "POST",
              headers: { "Content-Type": "application/json" },
              body: JSON.stringify({ id, k: 5 }),
            });
            if (await triesAgain(response)) continue;
            await response.arrayBuffer();
            // Another client may have deleted it meanwhile.
            assert.ok(response.status === 200 || (response.status === 404 && !present.has(id)), `${response.status}`);
          }
        }
      } catch (error) {
        if (!(round.isOver && round.victim === "server") || error instanceof assert.AssertionError) throw error;
      }
    };

    const swapOf = async ({ url }: ServerProcess, id: string) =>
      (await (await fetch(`${url}/v1/swaps/${id}`)).json()) as SwapView;
    const stateOf = async (server: ServerProcess, id: string) => (await swapOf(server, id)).state;
    /** Begins a swap to a model, or a rollback, where there is something to begin; its id. */
    const beginSwap = async ({ url }: ServerProcess, to?: string): Promise<string | undefined> => {
      if (!to) return undefined;
      const path = to === "rollback" ? "/v1/rollback" : `/v1/models/${to}/activate`;
      const response = await fetch(`${url}${path}`, { method: "POST" });
      const { swap } = (await response.json()) as { swap?: SwapView };
      assert.ok([202, 409].includes(response.status), `${response.status}`);
      return swap?.id;
    };
    /** Waits until the server is ready and no swap runs; one that never ends is cancelled. */
    const settle = async (server: ServerProcess): Promise<void> => {
      const { swaps } = (await (await fetch(`${server.url}/v1/swaps?limit=1`)).json()) as { swaps: SwapView[] };
      const [newest] = swaps;
      if (newest && !hasEnded(newest)) {
        if (newest.model.name === "endless") {
          const { status } = await fetch(`${server.url}/v1/swaps/${newest.id}/cancel`, { method: "POST" });
          assert.equal(status, 202);
        }
        await untilEnded(() => swapOf(server, newest.id), 300_000);
      }
      while ((await fetch(`${server.url}/readyz`)).status !== 200) await sleep(100);
    };

    const check = async ({ url }: ServerProcess): Promise<void> => {
      for (const id of present.keys()) {
        const response = await fetch(`${url}/v1/images/${id}/content`);
        const bytes = Buffer.from(await response.arrayBuffer());
        assert.equal(response.status, 200, `acknowledged image ${id} is lost`);
        assert.ok(bytes.equals(await png(present.get(id)!, { width: 24, height: 24 })));
      }
      for (const id of deleted) {
        const { status, body } = await fetch(`${url}/v1/images/${id}`);
        await body?.cancel();
        assert.equal(status, 404, `deleted image ${id} is back`);
      }
      // Each stored image is found by its own embedding: the index has what the database has.
      const metrics = await (await fetch(`${url}/metrics`)).text();
      const stored = Number(/^moco_search_images (\d+)$/m.exec(metrics)![1]);
      const ids = new Set<string>();
      let cursor: string | undefined;
      const [anyId] = present.keys();
      do {
        const response = await fetch(`${url}/v1/search`, {
          method: "POST",
          headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ id: anyId, k: 1000, ...(cursor && { cursor }) }),
        });
        assert.equal(response.status, 200);
        const answer = (await response.json()) as { matches: Array<{ id: string }>; nextCursor?: string };
        for (const { id } of answer.matches) ids.add(id);
        cursor = answer.nextCursor;
      } while (cursor);
      assert.equal(ids.size + 1, stored, "the index does not have every stored image");
      for (const id of present.keys()) assert.ok(id === anyId || ids.has(id));
      for (const id of deleted) assert.ok(!ids.has(id));
    };

    try {
      let server = await startServer(folder);
      const kills: Record<string, number> = {};
      for (let kill = 0; kill < KILLS; kill++) {
        const round: Round = { victim: kill % 2 === 0 ? "server" : "child", isOver: false };
        const clients = Array.from({ length: CLIENTS }, () => client(server.url, round));
        clients.map((one) => one.catch(() => {})); // told below
        while (present.size === 0) await sleep(50); // a slow machine's first upload
        const swap = await beginSwap(server, ["other", "endless", "rollback", undefined][Math.floor(random() * 4)]);
        await sleep(random() * (swap ? 2000 : 1000));
        const state = swap && (await stateOf(server, swap));
        const what = `${round.victim}${state ? ` in ${state}` : ""}`;
        kills[what] = (kills[what] ?? 0) + 1;
        const pids = processTree(server.child.pid!);
        if (round.victim === "server") {
          round.isOver = true;
          await Promise.all([server.stop("SIGKILL"), ...clients]);
          await untilGone(pids, 30);
          server = await startServer(folder);
        } else {
          const children = pids.slice(1);
          process.kill(children[Math.floor(random() * children.length)]!, "SIGKILL");
          await sleep(500);
          round.isOver = true;
          await Promise.all(clients);
        }
        await settle(server);
        await check(server);
      }
      console.log(`      ${seed} uploads sent, ${present.size} images there, ${deleted.size} deleted; kills of the`);
      console.log(
        `      ${Object.entries(kills)
          .map(([what, count]) => `${what}: ${count}`)
          .join(", ")}`,
      );
      const pids = processTree(server.child.pid!);
      assert.equal(await server.stop(), 0);
      await untilGone(pids, 30);
    } finally {
      await remove();
    }
  });
});
