// Design spaces as tables for the terminal, and as a page with their distributions.
import { percent } from "../../core/percent.ts";
import { textTable } from "../ablate/table.ts";
import { legend, lineChart } from "../report/chart.ts";
import { STYLE } from "../report/style.ts";
import { errorDistribution, rankCorrelation, summarize } from "./comparison.ts";
import type { DesignOutcome } from "./design.ts";
import { SPACES } from "./spaces.ts";

const SPACE_HEADINGS = [
  "space",
  "networks",
  "median",
  "best",
  "worst",
  "better in pairs with the first's",
  "its networks have",
];

const spaceCells = (outcomes: readonly DesignOutcome[]) =>
  summarize(outcomes).map(({ space, networks, median, best, worst, winsAgainstFirst, isClear }, i) => [
    space,
    String(networks),
    percent(median),
    percent(best),
    percent(worst),
    i === 0 ? "—" : `${percent(winsAgainstFirst)}${isClear ? "" : ", maybe by chance"}`,
    SPACES[space].description,
  ]);

const NETWORK_HEADINGS = ["space", "widths", "blocks", "time of a step", "own key found", "kNN"];

/** The networks, the best first. */
const networkCells = (outcomes: readonly DesignOutcome[]) =>
  [...outcomes]
    .sort((a, b) => b.evaluationAccuracy - a.evaluationAccuracy)
    .map(({ space, architecture: { widths, depths }, time, evaluationAccuracy, knn }) => [
      space,
      widths.join(" "),
      depths.join(" "),
      time.toFixed(2),
      percent(evaluationAccuracy),
      knn === undefined ? "—" : percent(knn),
    ]);

/** The spaces as a table in Markdown: the share of keys that are found with running statistics. */
export const spaceTable = (outcomes: readonly DesignOutcome[]): string =>
  textTable(SPACE_HEADINGS, spaceCells(outcomes));

/** The networks as a table in Markdown, the best first. */
export const networkTable = (outcomes: readonly DesignOutcome[]): string =>
  textTable(NETWORK_HEADINGS, networkCells(outcomes));

/** How well the label-free score agrees with kNN, in a sentence; empty without labels, or where there is no order. */
export function agreement(outcomes: readonly DesignOutcome[]): string {
  const labelled = outcomes.flatMap(({ evaluationAccuracy, knn }) =>
    knn === undefined ? [] : [{ evaluationAccuracy, knn }],
  );
  if (labelled.length < 3) return "";
  const correlation = rankCorrelation(
    labelled.map((one) => one.evaluationAccuracy),
    labelled.map((one) => one.knn),
  );
  if (Number.isNaN(correlation)) return "";
  return `The order of the networks by own keys found agrees with that by kNN with a rank correlation of ${correlation.toFixed(2)}.`;
}

/** A self-contained page: the distribution of errors of each space, and the tables. */
export async function designPage(outcomes: readonly DesignOutcome[]): Promise<string> {
  const series = summarize(outcomes).map(({ space }) => ({
    name: space,
    points: errorDistribution(
      outcomes.filter((outcome) => outcome.space === space).map(({ evaluationAccuracy }) => evaluationAccuracy),
    ),
  }));
  const least = Math.min(...series.flatMap(({ points }) => points.map(({ x }) => x)));
  const chart =
    series.length === 0
      ? ""
      : `<figure><figcaption>Networks below an error${legend(series)}<small>Share of a space's networks that leave fewer keys unfound than the value below. The further to the left and up, the better the space.</small></figcaption>${await lineChart(series, { x: "keys not found", xFormat: "%", xFrom: Math.floor(20 * least) / 20, format: "%" })}</figure>`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Design spaces</title><style>${STYLE}</style>
<main><h1>Design spaces</h1>
<section class="charts">${chart}</section>
<h2>Spaces</h2>${table(SPACE_HEADINGS, spaceCells(outcomes))}
<h2>Networks</h2><p>${agreement(outcomes)}</p>${table(NETWORK_HEADINGS, networkCells(outcomes))}
</main></html>
`;
}

function table(headings: readonly string[], rows: ReadonlyArray<readonly string[]>): string {
  const row = (cells: readonly string[], tag: string) =>
    `<tr>${cells.map((cell) => `<${tag}>${cell}</${tag}>`).join("")}</tr>`;
  const body = rows.map((cells) => row(cells, "td")).join("");
  return `<div class="scroll"><table><thead>${row(headings, "th")}</thead><tbody>${body}</tbody></table></div>`;
}
