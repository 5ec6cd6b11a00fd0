// metrics.jsonl of a run: one JSON object a line, each with its `kind`, in the order of the steps.
import { open, readFile } from "node:fs/promises";
import { hasErrno } from "../../core/errors.ts";
import { replaceFile } from "../../core/files.ts";
import type { StepMetrics } from "./events.ts";
import type { Epoch } from "./watch.ts";

/** The log's name in the folder of a run. */
export const METRICS_FILE = "metrics.jsonl";

/** A line: what is known after a step, or what was measured after an epoch and what it means. */
export type LogLine = ({ readonly kind: "step" } & StepMetrics) | ({ readonly kind: "epoch" } & Epoch);

/** A log open for writing. */
export interface RunLog {
  /** Lines so far, earlier parts of a resumed run included. */
  readonly lines: readonly LogLine[];
  append(line: LogLine): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens the log of a run that stands at `step`. Lines of later steps are left out: a killed run got that far after its
 * last checkpoint and does those steps again.
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

/** The whole lines of a log; none where there is no file. A run that was killed can have cut the last one short. */
export async function readRunLog(path: string): Promise<LogLine[]> {
  const text = await readFile(path, "utf8").catch((error) => {
    if (hasErrno(error, "ENOENT")) return "";
    throw error;
  });
  const whole = text.slice(0, text.lastIndexOf("\n") + 1);
  return whole.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as LogLine]));
}
