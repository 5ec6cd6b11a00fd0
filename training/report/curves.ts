// The curves of a run.
import type { Epoch, LogLine } from "../run/log.ts";
import { legend, lineChart, type Series } from "./chart.ts";

/** Most points of a curve. */
const MOST_POINTS = 300;

/** What chance alone would reach, by which curves are read. */
export interface Chance {
  /** Negative keys of a query. */
  readonly negatives: number;
  /** Distinct labels, where there are labels. */
  readonly labels: number | undefined;
}

/**
 * One figure for each curve: those over steps averaged, those over epochs with a dot for each measurement. A dashed
 * line is chance level; losses and shares begin at 0.
 */
export async function curves(lines: readonly LogLine[], { negatives, labels }: Chance): Promise<string> {
  const steps = thinned(lines.filter((line) => line.kind === "step"));
  const epochs = lines.filter((line) => line.kind === "epoch");
  const over = (name: string, value: (epoch: Epoch) => number | undefined): Series => ({
    name,
    dots: true,
    points: epochs.flatMap((e) => (value(e) === undefined ? [] : [{ x: e.epoch, y: value(e)! }])),
  });
  const along = (name: string, of: "loss" | "accuracy" | "learningRate"): Series => ({
    name,
    points: steps.map((step) => ({ x: step.epoch, y: step[of] })),
  });
  const dimensions = epochs.at(-1)?.dimensions ?? 0;
  const figures = [
    figure(
      "Loss",
      `rises while noise in the queue is replaced by real keys, then falls; dashed: chance, ln(1 + ${negatives})`,
      [along("loss", "loss")],
      { include: [0, Math.log(1 + negatives)] },
    ),
    figure(
      "Own key found",
      `share of the queries whose key scores above all negatives; chance: 1 in ${1 + negatives}`,
      [along("while training", "accuracy"), over("with running statistics", (e) => e.evaluationAccuracy)],
      { format: ".0%", include: [0] },
    ),
    figure(
      "kNN",
      `share of the images whose neighbours have their label${labels ? `; dashed: chance, 1 of ${labels} labels` : ""}`,
      [over("kNN", (e) => e.knn)],
      { format: ".0%", include: [0, ...(labels ? [1 / labels] : [])] },
    ),
    figure(
      "Spread",
      "near 1 where embeddings fill the sphere, 0 where all are the same",
      [over("spread", (e) => e.spread)],
      {
        include: [0, 1],
      },
    ),
    figure("Dimensions used", `effective rank, of ${dimensions}`, [over("rank", (e) => e.effectiveRank)], {
      include: [0],
    }),
    figure("Learning rate", "", [along("learning rate", "learningRate")]),
  ];
  return (await Promise.all(figures)).join("\n");
}

async function figure(
  title: string,
  explained: string,
  series: readonly Series[],
  options: { format?: string; include?: readonly number[] } = {},
): Promise<string> {
  if (series.every(({ points }) => points.length === 0)) return "";
  const chart = await lineChart(series, { x: "epoch", ...options });
  return `<figure><figcaption>${title}${legend(series)}<small>${explained}</small></figcaption>${chart}</figure>`;
}

interface Point {
  readonly epoch: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly learningRate: number;
}

/** Means over groups of steps, {@link MOST_POINTS} of them at most. */
function thinned(steps: readonly Point[]): Point[] {
  const size = Math.ceil(steps.length / MOST_POINTS);
  const points: Point[] = [];
  for (let first = 0; first < steps.length; first += size) {
    const part = steps.slice(first, first + size);
    const mean = (value: (step: Point) => number) => part.reduce((sum, step) => sum + value(step), 0) / part.length;
    points.push({
      epoch: mean(({ epoch }) => epoch),
      loss: mean(({ loss }) => loss),
      accuracy: mean(({ accuracy }) => accuracy),
      learningRate: mean(({ learningRate }) => learningRate),
    });
  }
  return points;
}
