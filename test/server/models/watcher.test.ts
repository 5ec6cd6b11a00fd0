import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { AppError } from "../../../core/errors.ts";
import type { SwapView } from "../../../server/domain/swap.ts";
import { type ModelWatcher, watchModels } from "../../../server/models/watcher.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { writeTinyModel } from "../../../support/tiny-model.ts";

const LOOK_MS = 10;

describe("model watcher", () => {
  let models: string;
  let remove: () => Promise<void>;
  let watcher: ModelWatcher | undefined;
  const announced: string[] = [];
  const begun: string[] = [];
  const logger = pino({ level: "info" }, { write: (line: string) => void announced.push(line) });
  const swaps = {
    async begin(name: string) {
      begun.push(name);
      return { id: name } as SwapView;
    },
    settled: async () => {},
  };
  const until = async (holds: () => boolean) => {
    const deadline = Date.now() + 10_000;
    while (!holds()) {
      assert.ok(Date.now() < deadline, "still not so after ten seconds");
      await sleep(LOOK_MS);
    }
  };

  beforeEach(async () => {
    ({ folder: models, remove } = await temporaryFolder());
    await writeTinyModel(models, "first");
    announced.length = 0;
    begun.length = 0;
  });
  afterEach(async () => {
    await watcher?.close();
    await remove();
  });

  it("announces a model that appears, and one that is written again, but none that was there", async () => {
    watcher = watchModels(models, { swaps, logger }, { autoActivate: false, lookMs: LOOK_MS });
    await sleep(10 * LOOK_MS);
    const { card } = await writeTinyModel(models, "second", { seed: 2 });
    await until(() => announced.length === 1);
    assert.match(announced[0]!, /"model":"second","version":"seed-2"/);
    assert.ok(Date.parse(watcher.appearedAt(card)!) <= Date.now());
    await writeTinyModel(models, "first", { seed: 3, replace: true });
    await until(() => announced.length === 2);
    assert.match(announced[1]!, /"model":"first","version":"seed-3"/);
    assert.deepEqual(begun, []);
  });

  it("waits until a model is whole", async () => {
    watcher = watchModels(models, { swaps, logger }, { autoActivate: true, lookMs: LOOK_MS });
    await sleep(10 * LOOK_MS);
    const { onnxPath } = await writeTinyModel(models, "second", { seed: 2 });
    await until(() => begun.length === 1);
    const onnx = await readFile(onnxPath);
    await writeFile(join(models, "second", "encoder.onnx"), onnx.subarray(0, 100));
    const card = JSON.parse(await readFile(join(models, "second", "model.json"), "utf8"));
    await writeFile(join(models, "second", "model.json"), JSON.stringify({ ...card, version: "again" }));
    await sleep(10 * LOOK_MS);
    assert.deepEqual(begun, ["second"]);
    await writeFile(onnxPath, onnx);
    await until(() => begun.length === 2);
  });

  it("activates it when the swap that runs has ended", async () => {
    let isRunning = true;
    const busy = {
      async begin(name: string) {
        if (isRunning) throw new AppError("swap_in_progress", "one runs");
        return swaps.begin(name);
      },
      async settled() {
        isRunning = false;
      },
    };
    watcher = watchModels(models, { swaps: busy, logger }, { autoActivate: true, lookMs: LOOK_MS });
    await sleep(10 * LOOK_MS);
    await writeTinyModel(models, "second", { seed: 2 });
    await until(() => begun.length === 1);
  });
});
