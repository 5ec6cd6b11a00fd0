// The demo's outcome as text.
import { percent } from "../../core/percent.ts";
import type { Precision } from "./precision.ts";

/** What the demo measured. Of the precisions, `--json` prints only the overall ones. */
export interface DemoOutcome {
  readonly trainImagesPerSecond: number;
  readonly precision: { readonly pixels: Precision; readonly before: Precision; readonly after: Precision };
  readonly uploadImagesPerSecond: number;
  readonly searchMsMedian: number;
  readonly swapSeconds: number;
  readonly requestsDuringSwap: number;
  readonly failedDuringSwap: number;
}

/** The table of the demo and where to look next. */
export function report(outcome: DemoOutcome): string {
  const { pixels, before, after } = outcome.precision;
  const labels = [...before.byLabel.keys()].sort();
  const width = Math.max(...labels.map((label) => label.length), "all queries".length);
  const row = (name: string, cells: string[]) => `${name.padEnd(width)}  ${cells.map((c) => c.padStart(12)).join("")}`;
  const figures: Array<[string, string]> = [
    ["training", `${outcome.trainImagesPerSecond.toFixed(0)} images/s`],
    ["storing (decode, embed, index, disk)", `${outcome.uploadImagesPerSecond.toFixed(0)} images/s`],
    ["search by image", `${outcome.searchMsMedian.toFixed(1)} ms (median)`],
    ["swap to the retrained model", `${outcome.swapSeconds.toFixed(1)} s`],
    ["searches during the swap", `${outcome.requestsDuringSwap}, of which failed: ${outcome.failedDuringSwap}`],
  ];
  return `
precision@10: of the ten nearest stored images, how many show the same kind of thing

${row("", ["raw pixels", "default", "retrained"])}
${labels
  .map((label) =>
    row(
      label,
      [pixels, before, after].map((p) => percent(p.byLabel.get(label)!)),
    ),
  )
  .join("\n")}
${row(
  "all queries",
  [pixels, before, after].map((p) => percent(p.overall)),
)}

${figures.map(([name, value]) => `${name.padEnd(38)}${value}`).join("\n")}

Next: train on your own images and serve them.
  npx moco-search train <folder of images> --name mine --minutes 30
  npx moco-search serve --model mine`;
}
