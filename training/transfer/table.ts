// The outcomes of a transfer as a table.
import { mean } from "../../core/vector.ts";
import type { TransferOutcome } from "./transfer.ts";

/** Mean of values and their standard deviation, which one value has not. */
interface Spread {
  readonly mean: number;
  readonly deviation: number | undefined;
}

/** A Markdown table: a row for each encoder and head with mean and standard deviation over the seeds, in percent. */
export function transferTable(outcomes: readonly TransferOutcome[]): string {
  const groups = new Map<string, TransferOutcome[]>();
  for (const outcome of outcomes) {
    const key = `${outcome.encoder} ${outcome.head}`;
    groups.set(key, [...(groups.get(key) ?? []), outcome]);
  }
  const rows = [...groups.values()].map(row);
  const head = ["encoder", "head", "seeds", "mean IoU", "near boundaries", "pixels right", "loss", "head, million ×"];
  return [`| ${head.join(" | ")} |`, `| :-- | :-- |${" --: |".repeat(head.length - 2)}`, ...rows].join("\n");
}

function row(runs: readonly TransferOutcome[]): string {
  const { encoder, head, multiplications } = runs[0]!;
  const percent = (of: (run: TransferOutcome) => number) => inWords(spread(runs.map((run) => 100 * of(run))), 1);
  const cells = [
    percent(({ all }) => all.mean),
    percent(({ boundary }) => boundary.mean),
    percent(({ all }) => all.accuracy),
    inWords(spread(runs.map(({ loss }) => loss)), 2),
    (multiplications.head / 1e6).toFixed(0),
  ];
  return `| ${[encoder, head, runs.length, ...cells].join(" | ")} |`;
}

function spread(values: readonly number[]): Spread {
  const middle = mean(values);
  if (values.length < 2) return { mean: middle, deviation: undefined };
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  return { mean: middle, deviation: Math.sqrt(squares / (values.length - 1)) };
}

const inWords = ({ mean, deviation }: Spread, digits: number) =>
  mean.toFixed(digits) + (deviation === undefined ? "" : ` ± ${deviation.toFixed(digits)}`);
