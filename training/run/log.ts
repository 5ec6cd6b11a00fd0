// metrics.jsonl of a run: one JSON object a line, each with its `kind`, in the order of the steps.
import { open, readFile } from "node:fs/promises";
import { AppError, hasErrno } from "../../core/errors.ts";
import { replaceFile } from "../../core/files.ts";
import type { Health } from "../evaluate/monitor.ts";
import type { EpochMetrics, Verdict } from "../evaluate/verdict.ts";

/** The log's name in the folder of a run. */
export const METRICS_FILE = "metrics.jsonl";

/** What is known after a step. */
export interface StepMetrics {
  /** Counted from 1. */
  readonly step: number;
  /** Steps of the whole run; undefined during the first steps of a run that is given in minutes. */
  readonly totalSteps: number | undefined;
  /** Epochs so far, with fractions. */
  readonly epoch: number;
  readonly loss: number;
  /** Share of queries whose own key is nearer than every negative, 0..1. */
  readonly accuracy: number;
  readonly learningRate: number;
  /** Average since the run began or was resumed. */
  readonly imagesPerSecond: number;
  /** Share of the time spent waiting for data, 0..1. */
  readonly waitingShare: number;
  /** Seconds trained, earlier parts of a resumed run included. */
  readonly seconds: number;
}

/** What was measured at the end of an epoch, and the verdict on it. */
export type Epoch = EpochMetrics &
  Health & {
    readonly step: number;
    /** Epochs so far, with fractions. */
    readonly epoch: number;
    /** Seconds trained so far. */
    readonly seconds: number;
    readonly imagesPerSecond: number;
    /** Peak resident memory of the process. */
    readonly peakMemoryBytes: number;
    readonly verdict: Verdict;
  };

/** A line: the metrics of a step, or the measures of an epoch and their verdict. */
export type LogLine = ({ readonly kind: "step" } & StepMetrics) | ({ readonly kind: "epoch" } & Epoch);

/** A log that is open for writing. */
export interface RunLog {
  /** Lines so far, earlier parts of a resumed run included. */
  readonly lines: readonly LogLine[];
  append(line: LogLine): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the log of a run that is at `step`. Lines of later steps are dropped: a killed run wrote them after its last
 * checkpoint and does those steps again.
 */
export async function openRunLog(path: string, step: number): Promise<RunLog> {
  const lines = step > 0 ? (await readRunLog(path)).filter((line) => line.step <= step) : [];
  await replaceFile(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  const file = await open(path, "a");
  return {
    lines,
    async append(line) {
      lines.push(line);
      await file.write(`${JSON.stringify(line)}\n`);
    },
    close: () => file.close(),
  };
}

/**
 * The lines of a log; none where there is no file. A last line that a killed run cut short is left out.
 *
 * @throws AppError `invalid_checkpoint` where another line is no JSON.
 */
export async function readRunLog(path: string): Promise<LogLine[]> {
  const text = await readFile(path, "utf8").catch((error) => {
    if (hasErrno(error, "ENOENT")) return "";
    throw error;
  });
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole.split("\n").flatMap((line, i) => (line === "" ? [] : [parseLine(line, `${path}:${i + 1}`)]));
}

function parseLine(line: string, place: string): LogLine {
  try {
    return JSON.parse(line) as LogLine;
  } catch (error) {
    throw new AppError(
      "invalid_checkpoint",
      `Expected a line of JSON at ${place} but it is damaged. Remove that line.`,
      {
        cause: error,
      },
    );
  }
}
