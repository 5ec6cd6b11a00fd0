// Our side of bench/loop.ts: `train` as its users start it, with its stored images and its log, timed in this process
// once it has warmed up.
import { join } from "node:path";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { tuningFile } from "../training/graph/engine/tune.ts";
import { train } from "../training/train.ts";
import { peakMb, type Round } from "./sides.ts";

/** What to time, and how. */
export interface LoopOptions {
  readonly warmUp: number;
  readonly steps: number;
  readonly threads: number;
  /** Where the decoded images are kept. */
  readonly cacheFolder: string;
}

/** Trains on a folder of images with the recipe `auto` and times `steps` steps after the first `warmUp`. */
export async function timeLoop(images: string, { warmUp, steps, threads, cacheFolder }: LoopOptions): Promise<Round> {
  const { folder, remove } = await temporaryFolder();
  const stop = new AbortController();
  const ends = new Map<number, number>(); // of steps, milliseconds
  let batch = 0;
  const { metrics } = await train({
    images: [images],
    name: "loop",
    runFolder: join(folder, "run"),
    modelsFolder: join(folder, "models"),
    cacheFolder,
    budget: { steps: warmUp + steps + 1 }, // never ends by itself, which would measure and export
    threads,
    tuningFile: tuningFile(),
    signal: stop.signal,
    onEvent(event) {
      if (event.kind === "starting") batch = event.config.batch;
      if (event.kind !== "step") return;
      ends.set(event.metrics.step, performance.now());
      if (event.metrics.step === warmUp + steps) stop.abort();
    },
  }).finally(remove);
  const seconds = (ends.get(warmUp + steps)! - ends.get(warmUp)!) / 1000;
  return { imagesPerSecond: (batch * steps) / seconds, rssMb: peakMb(), loss: metrics!.loss };
}
