// The map of more images than UMAP lays out.
import assert from "node:assert/strict";
import { join } from "node:path";
import { start } from "../../../../server/index.ts";
import { writeSyntheticData } from "../../../../support/synthetic.ts";
import { temporaryFolder } from "../../../../support/temporary-folder.ts";

/** A few more than are laid out together. */
const IMAGES = 2100;

describe("the map of a large collection", () => {
  it("shows every image at its own place, tells how far it is, and answers others meanwhile", async function () {
    this.timeout(240_000);
    const { folder, remove } = await temporaryFolder();
    await writeSyntheticData(folder, IMAGES);
    const server = await start({
      data: join(folder, "data"),
      models: join(folder, "models"),
      port: 0,
      logLevel: "silent",
    });
    try {
      const progress = async () => (await (await fetch(`${server.url}/v1/map/progress`)).json()) as { part: number };
      assert.equal((await progress()).part, 0);
      let isDone = false;
      const asked = fetch(`${server.url}/v1/map`).then((response) => response.json());
      void asked.finally(() => {
        isDone = true;
      });
      const parts: number[] = [];
      while (!isDone) {
        parts.push((await progress()).part);
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      assert.deepEqual(
        parts,
        [...parts].sort((a, b) => a - b),
      );
      assert.ok(new Set(parts).size > 3, `${[...new Set(parts)]}`);
      assert.equal((await progress()).part, 1);
      const { stored, points } = (await asked) as {
        stored: number;
        points: Array<{ id: string; x: number; y: number }>;
      };
      assert.deepEqual([stored, points.length], [IMAGES, IMAGES]);
      assert.equal(new Set(points.map(({ id }) => id)).size, IMAGES);
      assert.ok(points.every(({ x, y }) => x > -0.02 && x < 1.02 && y > -0.02 && y < 1.02));
    } finally {
      await server.close();
      await remove();
    }
  });
});
