// Watches whether a run learns: writes a line to metrics.jsonl after each step; at the ends of epochs it measures the
// encoder, adds a verdict, draws neighbours and rewrites the report.
import { join } from "node:path";
import { mean } from "../../core/vector.ts";
import { peakMemoryBytes } from "../config/machine.ts";
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import { createMonitor } from "../evaluate/monitor.ts";
import { verdict } from "../evaluate/verdict.ts";
import { neighboursSheet, viewsSheet } from "../report/contact-sheet.ts";
import { writeReport } from "../report/report.ts";
import { openSheets } from "../report/sheets.ts";
import { type Epoch, METRICS_FILE, openRunLog, type StepMetrics } from "./log.ts";

/** Options of {@link watchRun}. */
export interface WatchOptions {
  readonly runFolder: string;
  readonly name: string;
  readonly config: TrainingConfig;
  readonly reasons: readonly string[];
  readonly dataset: Dataset;
  /** Steps in an epoch. */
  readonly stepsPerEpoch: number;
  /** Steps done before; 0 for a new run. */
  readonly from: number;
  readonly threads: number;
  /** Least seconds between two measurements. After the last step there is one in any case. */
  readonly secondsBetween: number;
  readonly onEpoch: (epoch: Epoch) => void;
}

type State = ReadonlyMap<string, Float32Array>;

/** Watches one run. */
export interface Watch {
  /** Metrics of the last step, earlier parts of a resumed run included; undefined before the first. */
  readonly last: StepMetrics | undefined;
  /** All measurements so far. */
  readonly epochs: readonly Epoch[];
  /**
   * Call after each step. Measures at the end of an epoch if the last measurement is long enough ago.
   *
   * @param state Returns the state of the run, by name.
   * @param negatives Returns the negatives, [K, D].
   */
  step(metrics: StepMetrics, state: () => Promise<State>, negatives: () => Float32Array): Promise<void>;
  close(): Promise<void>;
}

/** Largest share of the time that measurements may take. */
const MOST_TIME = 1 / 20;

/** Begins to watch a run; a resumed run continues its log. */
export async function watchRun(options: WatchOptions): Promise<Watch> {
  const { config, dataset, stepsPerEpoch, runFolder } = options;
  const log = await openRunLog(join(runFolder, METRICS_FILE), options.from);
  const monitor = await createMonitor(dataset, config, options);
  const epochs: Epoch[] = log.lines.flatMap((line) => (line.kind === "epoch" ? [line] : []));
  let since: StepMetrics[] = [];
  let measuredAt = performance.now();
  let pause = options.secondsBetween * 1000;

  const views = await viewsSheet(dataset, config);
  const sheets = await openSheets(runFolder, options.from * config.batch);
  await sheets.putViews(views);
  const report = (neighbours?: Uint8Array) =>
    writeReport(join(runFolder, "report.html"), { ...options, lines: log.lines, views, neighbours });
  await report();

  const measure = async (now: StepMetrics, state: State, queue: Float32Array) => {
    const began = performance.now();
    const { health, neighbourhoods } = await monitor.measure(state, queue);
    const metrics = {
      ...health,
      loss: mean(since.map(({ loss }) => loss)),
      contrastiveAccuracy: mean(since.map(({ accuracy }) => accuracy)),
      queueSize: config.queue,
      images: dataset.count,
      imagesSeen: now.step * config.batch,
      imagesSeenBefore: (now.step - since.length) * config.batch,
    };
    const { step, epoch, seconds, imagesPerSecond } = now;
    const judged = verdict([...epochs, metrics]);
    const line: Epoch = {
      step,
      epoch,
      seconds,
      imagesPerSecond,
      peakMemoryBytes: peakMemoryBytes(),
      ...metrics,
      verdict: judged,
    };
    epochs.push(line);
    since = [];
    await log.append({ kind: "epoch", ...line });
    const neighbours = await neighboursSheet(dataset, neighbourhoods);
    await sheets.putNeighbours(metrics.imagesSeen, neighbours);
    await report(neighbours);
    measuredAt = performance.now();
    pause = Math.max(options.secondsBetween * 1000, (measuredAt - began) / MOST_TIME);
    options.onEpoch(line);
  };

  return {
    epochs,
    get last() {
      return log.lines.findLast((line) => line.kind === "step");
    },
    async step(metrics, state, negatives) {
      since = [...since, metrics].slice(-stepsPerEpoch); // not every epoch is measured
      await log.append({ kind: "step", ...metrics });
      const ended = metrics.step % stepsPerEpoch === 0 && performance.now() - measuredAt >= pause;
      if (ended || metrics.step === metrics.totalSteps) await measure(metrics, await state(), negatives());
    },
    async close() {
      await log.close();
      await monitor.release();
    },
  };
}
