// report.html of a run: what a person wants to know while it trains. One file without scripts or external resources.
import { replaceFile } from "../../core/files.ts";
import { percent } from "../../core/percent.ts";
import { machineName } from "../config/machine.ts";
import type { TrainingConfig } from "../config/schema.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Epoch, LogLine } from "../run/log.ts";
import { type Chance, curves } from "./curves.ts";
import { STYLE } from "./style.ts";

/** Content of a report. */
export interface ReportContent {
  readonly name: string;
  readonly config: TrainingConfig;
  /** Reasons for the configuration, in plain words. */
  readonly reasons: readonly string[];
  readonly dataset: Dataset;
  readonly lines: readonly LogLine[];
  /** PNG of images and their views. */
  readonly views: Uint8Array;
  /** PNG of images and their neighbours, once they were measured. */
  readonly neighbours: Uint8Array | undefined;
}

const VIEWS =
  "Each row: an image as it is kept, then random views of it. Two views of an image should still show the same thing; that they belong together is all that training is told.";
const NEIGHBOURS =
  "Each row: an image, then those of a sample of the collection whose features are most similar to its own.";

/** Writes the report and replaces an earlier one. */
export async function writeReport(path: string, content: ReportContent): Promise<void> {
  await replaceFile(path, await reportHtml(content));
}

/** The whole page. Before the first measurement it shows views and configuration only. */
async function reportHtml(content: ReportContent): Promise<string> {
  const { name, config, reasons, dataset, lines, views, neighbours } = content;
  const epochs = lines.filter((line) => line.kind === "epoch");
  const last = epochs.at(-1);
  const sheets = [sheet("Views", VIEWS, views)];
  if (neighbours) sheets.push(sheet("Nearest neighbours", NEIGHBOURS, neighbours));
  const sections = [
    `<h1>${escaped(name)}</h1>`,
    last
      ? `<p class="verdict ${good(last) ? "good" : "bad"}">${escaped(last.verdict.message)}</p>`
      : `<p class="verdict good">The first epoch is not over yet.</p>`,
    facts([
      ...(last ? progressFacts(last, lines) : []),
      [
        "images",
        `${dataset.count.toLocaleString("en")}${dataset.corrupt.length ? ` (${dataset.corrupt.length} skipped)` : ""}`,
      ],
      ["machine", machineName()],
    ]),
    last ? `<section class="charts">${await curves(lines, chanceOf(config, dataset))}</section>` : "",
    `<section class="sheets">${sheets.join("")}</section>`,
    last ? `<h2>Verdicts</h2>${verdictTable(epochs)}` : "",
    `<h2>Configuration</h2><ul>${reasons.map((reason) => `<li>${escaped(reason)}</li>`).join("")}</ul>`,
    `<details><summary>All of it</summary><pre>${escaped(JSON.stringify(config, null, 2))}</pre></details>`,
  ];
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(name)} – training</title><style>${STYLE}</style></head>
<body><main>
${sections.join("\n")}
</main></body></html>
`;
}

function chanceOf({ mechanism, queue, batch }: TrainingConfig, { labels }: Dataset): Chance {
  const ofBatch = mechanism === "end-to-end" || mechanism === "moco-v3";
  return { negatives: ofBatch ? batch - 1 : queue, labels: labels && new Set(labels).size };
}

function progressFacts(last: Epoch, lines: readonly LogLine[]): Array<[string, string]> {
  const { totalSteps: total, waitingShare } = lines.findLast((line) => line.kind === "step") ?? {};
  return [
    ["epochs", last.epoch.toFixed(1)],
    ["steps", `${last.step.toLocaleString("en")}${total ? ` of ${total.toLocaleString("en")}` : ""}`],
    ["kNN", last.knn === undefined ? "no labels" : percent(last.knn)],
    ["time", duration(last.seconds)],
    ["images a second", last.imagesPerSecond.toFixed(0)],
    ...(waitingShare === undefined ? [] : [["waiting for data", percent(waitingShare)] as [string, string]]),
    ["peak memory", `${(last.peakMemoryBytes / 2 ** 30).toFixed(2)} GiB`],
  ];
}

function facts(entries: ReadonlyArray<readonly [string, string]>): string {
  return `<dl>${entries.map(([term, value]) => `<div><dt>${escaped(term)}</dt><dd>${escaped(value)}</dd></div>`).join("")}</dl>`;
}

function verdictTable(epochs: readonly Epoch[]): string {
  const head = ["epoch", "loss", "own key found", "kNN", "spread", "dimensions used", "alignment", "uniformity"];
  const row = (e: Epoch) => [
    e.epoch.toFixed(1),
    e.loss.toFixed(3),
    percent(e.contrastiveAccuracy),
    e.knn === undefined ? "–" : percent(e.knn),
    e.spread.toFixed(2),
    `${e.effectiveRank.toFixed(0)} of ${e.dimensions}`,
    e.alignment.toFixed(2),
    e.uniformity.toFixed(2),
  ];
  const cells = (values: string[], tag: string) => values.map((value) => `<${tag}>${escaped(value)}</${tag}>`).join("");
  const rows = epochs
    .toReversed()
    .map((e) => `<tr>${cells(row(e), "td")}<td class="text">${escaped(e.verdict.message)}</td></tr>`);
  return `<div class="scroll"><table><tr>${cells(head, "th")}<th class="text">verdict</th></tr>${rows.join("\n")}</table></div>`;
}

const good = ({ verdict }: Epoch) => ["learning", "queue filling"].includes(verdict.state);

function sheet(title: string, explained: string, png: Uint8Array): string {
  const source = `data:image/png;base64,${Buffer.from(png).toString("base64")}`;
  return `<div><h2>${title}</h2><p>${explained}</p><img alt="${title}" src="${source}"></div>`;
}

function duration(seconds: number): string {
  const minutes = seconds / 60;
  if (minutes < 1) return `${seconds.toFixed(0)} s`;
  return minutes < 120 ? `${minutes.toFixed(1)} min` : `${(minutes / 60).toFixed(1)} h`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
