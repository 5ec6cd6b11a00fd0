// kill -9 at random moments under mixed load. Every acknowledged upload must be there afterwards, no acknowledged
// delete undone, and the index equal to the stored embeddings.
//
//   npm run test:chaos                  30 kills
//   MOCO_CHAOS_KILLS=3 npm run test:chaos
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { png } from "../../support/pictures.ts";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { mulberry32, writeTinyModel } from "../../support/tiny-model.ts";

const KILLS = Number(process.env.MOCO_CHAOS_KILLS ?? 30);
const CLIENTS = 6;

const startServer = (folder: string) => startServerProcess(folder, ["--threads", "1"]);

describe(`kill -9, ${KILLS} times`, () => {
  it("loses nothing that was acknowledged and brings nothing back", async function () {
    this.timeout(KILLS * 60_000);
    const { folder, remove } = await temporaryFolder();
    await writeTinyModel(join(folder, "models"), "default");
    const random = mulberry32(Number(process.env.MOCO_CHAOS_SEED ?? 1));
    /**
     * Acknowledged uploads: the seed of the picture by id. An image whose delete was sent is in neither set until
     * acknowledged.
     */
    const present = new Map<string, number>();
    const deleted = new Set<string>();
    let seed = 0;

    /** Uploads, deletes and searches until the server is gone. Any failure before that is a defect. */
    const client = async (url: string, isKilled: () => boolean): Promise<void> => {
      try {
        for (;;) {
          const draw = random();
          const candidates = [...present.keys()];
          if (draw < 0.6 || candidates.length < 5) {
            const mine = seed++;
            const form = new FormData();
            form.append("image", new Blob([await png(mine, { width: 24, height: 24 })]), "a.png");
            const response = await fetch(`${url}/v1/images`, { method: "POST", body: form });
            const { images } = (await response.json()) as { images: Array<{ id: string }> };
            assert.equal(response.status, 201);
            present.set(images[0]!.id, mine);
          } else if (draw < 0.75) {
            const id = candidates[Math.floor(random() * candidates.length)]!;
            present.delete(id);
            const response = await fetch(`${url}/v1/images/${id}`, { method: "DELETE" });
            assert.equal(response.status, 204);
            deleted.add(id);
          } else {
            const id = candidates[Math.floor(random() * candidates.length)]!;
            const response = await fetch(`${url}/v1/search`, {
              method: "POST",
              headers: { "Content-Type": "application/json" },
              body: JSON.stringify({ id, k: 5 }),
            });
            await response.arrayBuffer();
            // Another client may have deleted it meanwhile.
            assert.ok(response.status === 200 || (response.status === 404 && !present.has(id)), `${response.status}`);
          }
        }
      } catch (error) {
        if (!isKilled() || error instanceof assert.AssertionError) throw error;
      }
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
      for (let kill = 0; kill < KILLS; kill++) {
        let killed = false;
        const clients = Array.from({ length: CLIENTS }, () => client(server.url, () => killed));
        await sleep(100 + random() * 900);
        while (present.size === 0) await sleep(50); // a slow machine's first upload
        killed = true;
        await Promise.all([server.stop("SIGKILL"), ...clients]);
        server = await startServer(folder);
        await check(server);
      }
      console.log(`      ${seed} uploads sent, ${present.size} images there, ${deleted.size} deleted`);
      assert.equal(await server.stop(), 0);
    } finally {
      await remove();
    }
  });
});
