// kill -9 of the server in each state of a swap: the next start goes on to its end, with nothing lost.
import assert from "node:assert/strict";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createHttp } from "../../../proof/http.ts";
import { type ServerHandle, startServer } from "../../../proof/server-handle.ts";
import { RUNNING_STATES } from "../../../server/domain/swap.ts";
import { png } from "../../../support/pictures.ts";
import { untilEnded } from "../../../support/swaps.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { writeTinyModel } from "../../../support/tiny-model.ts";

/** So few that the gate compares no crops. */
const IMAGES = 18;

describe("a swap whose server is killed", () => {
  let server: ServerHandle;
  let http: ReturnType<typeof createHttp>;
  let remove: () => Promise<void>;
  let models: string;

  before(async () => {
    const { folder, remove: removeFolder } = await temporaryFolder();
    remove = removeFolder;
    models = join(folder, "models");
    await writeTinyModel(models, "model-0", { seed: 100 });
    server = await startServer({ data: join(folder, "data"), models, model: "model-0", port: 0, logLevel: "silent" });
    http = createHttp(() => server.url);
    const files = await Promise.all(Array.from({ length: IMAGES }, (_, seed) => png(seed)));
    await http.upload(
      files,
      files.map((_, picture) => ({ picture })),
    );
  });
  after(async () => {
    await server.close();
    await remove();
  });

  for (const [i, state] of [...RUNNING_STATES, "active"].entries()) {
    it(`while it is ${state}: goes on and ends as active`, async () => {
      const name = `model-${i + 1}`;
      await writeTinyModel(models, name, { seed: i });
      const held = server.holdAt(state);
      const { id } = await http.activate(name);
      await held;
      if (state === "backfilling") {
        server.go();
        await sleep(50);
      }
      await server.kill("server");
      const { state: end, error } = await untilEnded(() => http.swap(id), 30_000);
      assert.equal(end, "active", error?.detail);
      assert.equal(await http.activeModel(), name);
      const found = await http.search(await png(7), IMAGES);
      assert.deepEqual(
        found.matches.map(({ metadata }) => metadata.picture).sort((a, b) => a - b),
        Array.from({ length: IMAGES }, (_, picture) => picture),
      );
      assert.ok(Math.abs(found.matches[0]!.score - 1) < 1e-5);
    });
  }
});
