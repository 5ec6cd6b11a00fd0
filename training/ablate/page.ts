// Ablations as a table for the terminal, and as a page with charts.
import { percent } from "../../core/percent.ts";
import { type ChartOptions, legend, lineChart, type Series } from "../report/chart.ts";
import { STYLE } from "../report/style.ts";
import type { Outcome } from "./ablate.ts";
import { textTable } from "./table.ts";

const HEADINGS = [
  "ablation",
  "mechanism",
  "value",
  "kNN",
  "own key found",
  "… with running statistics",
  "loss",
  "images/s",
];

const cells = ({
  ablation,
  series,
  value,
  knn,
  contrastiveAccuracy,
  evaluationAccuracy,
  loss,
  imagesPerSecond,
}: Outcome) => [
  ablation,
  series,
  `${value}`,
  knn === undefined ? "—" : percent(knn),
  percent(contrastiveAccuracy),
  percent(evaluationAccuracy),
  loss.toFixed(3),
  imagesPerSecond.toFixed(0),
];

/** The outcomes as a table in Markdown. */
export const ablationTable = (outcomes: readonly Outcome[]): string => textTable(HEADINGS, outcomes.map(cells));

/** Number of nines, a momentum's place on the axis: 0, .9, .99, .999 are at 0, 1, 2, 3. */
const nines = (momentum: number) => -Math.log10(1 - momentum);

/** A self-contained page: charts of mechanism × queue size and of key momentum, and the table. */
export async function ablationPage(outcomes: readonly Outcome[]): Promise<string> {
  const measure = outcomes.every(({ knn }) => knn !== undefined)
    ? { name: "kNN", of: (outcome: Outcome) => outcome.knn! }
    : { name: "own key found, running statistics", of: (outcome: Outcome) => outcome.evaluationAccuracy };
  const figure = async (
    title: string,
    ablation: Outcome["ablation"],
    place: (value: number) => number,
    options: ChartOptions,
  ) => {
    const shown = outcomes.filter((outcome) => outcome.ablation === ablation);
    if (shown.length === 0) return "";
    const series: Series[] = [...new Set(shown.map((outcome) => outcome.series))].map((name) => ({
      name,
      points: shown.flatMap((outcome) =>
        outcome.series === name ? [{ x: place(Number(outcome.value)), y: measure.of(outcome) }] : [],
      ),
      dots: true,
    }));
    const caption = `${title}<small>${measure.name}</small>${legend(series)}`;
    return `<figure><figcaption>${caption}</figcaption>${await lineChart(series, options)}</figure>`;
  };
  const format = "%";
  const charts = [
    await figure("Mechanism and number of negatives", "mechanism", Math.log2, { x: "negatives, 2^x", format }),
    await figure("Key momentum", "key-momentum", nines, { x: "nines of m: 0, .9, .99, .999", format }),
  ];
  const row = (outcome: Outcome) =>
    `<tr>${cells(outcome)
      .map((cell) => `<td>${cell}</td>`)
      .join("")}<td class="text">${outcome.verdict}</td></tr>`;
  const head = [...HEADINGS, "verdict"].map((heading) => `<th>${heading}</th>`).join("");
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Ablations</title><style>${STYLE}</style>
<main><h1>Ablations</h1>
<section class="charts">${charts.join("")}</section>
<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>${outcomes.map(row).join("")}</tbody></table></div>
</main></html>
`;
}
