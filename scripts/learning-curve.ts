// docs/images/learning-curve.svg: CIFAR-10 by kNN against what it costs, ours beside published runs, and the same as a
// table on the standard output. Ours are the runs of docs/runs; the others stand here with their sources.
//
//   npx tsx scripts/learning-curve.ts
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as Plot from "@observablehq/plot";
import { DOMParser } from "linkedom";
import { packageRoot } from "../core/paths.ts";
import { recipeOf } from "../training/config/recipes.ts";
import { parseTrainingConfig, type TrainingConfig } from "../training/config/schema.ts";
import { settle } from "../training/config/settle.ts";
import { input } from "../training/graph/index.ts";
import { multiplications } from "../training/graph/multiplications.ts";
import { projectionEncoder } from "../training/network/encoder.ts";
import { evaluationScope } from "../training/network/scope.ts";

/** One measurement on CIFAR-10's test set, k 200, T 0.1, 50,000 neighbours. */
interface Point {
  readonly run: string;
  readonly knn: number;
  /** Multiplications and additions of the training, 10¹⁵. */
  readonly petaflop: number;
  /** Minutes of one core of the machine of docs/results.md; undefined where nothing of the run was measured here. */
  readonly coreMinutes?: number;
  readonly embedding: string;
  /** Views of a test image that the embedding is made of. */
  readonly views: number;
}

/**
 * Multiplications and additions for one image of a step, 10⁹, as direct convolutions: a query's pass forward, its pass
 * back, which costs two, and a key's pass forward.
 */
function gigaflop({ imageSize, ...config }: TrainingConfig): number {
  const scope = evaluationScope(({ name, shape }) => input(name, shape));
  const forward = multiplications([projectionEncoder(input("x", [1, 3, imageSize, imageSize]), scope, config)]);
  return (4 * 2 * forward) / 1e9;
}

const circumstances = { images: 50_000, side: 32, device: "cpu", memory: 2 ** 34 };
const RESNET18 = gigaflop(settle(recipeOf("moco-cifar", circumstances), {}).config);
const IMAGES = 50_000;
/** Measured here: an epoch of `moco-cifar` on one core. */
const MINUTES_AN_EPOCH = 52;

/** The runs of docs/runs; each goes on from those before it. */
async function ours(run: string, files: readonly string[]): Promise<Point[]> {
  let [petaflop, seconds] = [0, 0];
  let test: Record<string, number> = {};
  for (const file of files) {
    const kept = JSON.parse(await readFile(join(packageRoot(), "docs", "runs", file), "utf8"));
    petaflop += (gigaflop(parseTrainingConfig(kept.config)) * kept.imagesSeen) / 1e6;
    seconds += kept.seconds;
    test = kept.test;
  }
  const found = [
    { name: "projection, 128", views: 1 },
    { name: "features of the last stage", views: 1 },
    { name: "whitened by half, 128", views: 1 },
    { name: "whitened fully, 128", views: 1 },
    { name: "whitened fully, mirrored, 128", views: 2 },
    { name: "evened out, 128", views: 1 },
    { name: "evened out, by a quarter, 128", views: 1 },
    { name: "evened out, by half, 128", views: 1 },
    { name: "evened out, by a quarter, mirrored, 128", views: 2 },
  ].filter(({ name }) => test[name] !== undefined);
  return found.map(({ name, views }) => ({
    ...{ run, petaflop, coreMinutes: seconds / 60, embedding: name, views },
    knn: 100 * test[name]!,
  }));
}

/** The authors' CIFAR-10 demo (facebookresearch/moco, colab notebook): ResNet-18, measured on the projection. */
const AUTHORS: ReadonlyArray<readonly [epoch: number, knn: number]> = [
  ...([
    [10, 48.0],
    [15, 54.8],
    [20, 61.4],
    [30, 67.1],
    [50, 73.3],
    [100, 78.1],
    [150, 81.2],
    [200, 82.6],
  ] as const),
];
const authors = AUTHORS.map(
  ([epochs, knn]): Point => ({
    ...{ run: `authors' demo, ${epochs} epochs`, knn, embedding: "projection, 128", views: 1 },
    ...{ petaflop: (RESNET18 * IMAGES * epochs) / 1e6, coreMinutes: MINUTES_AN_EPOCH * epochs },
  }),
);

/** A forward pass of ResNet-18 is a quarter of a step of MoCo: two passes, and one back that costs two. */
const forward = RESNET18 / 4;
const lightly = (run: string, knn: number, passes: number): Point => ({
  ...{ run: `lightly, ${run}, 200 epochs`, knn, embedding: "features, 512", views: 1 },
  petaflop: (passes * forward * IMAGES * 200) / 1e6,
});

/** Lightly's documented benchmarks on CIFAR-10. */
const lightlys = [lightly("SimCLR", 84.7, 6), lightly("MoCo, symmetric", 83.8, 8), lightly("BYOL", 86.9, 8)];

/** An independent reproduction of EMP-SSL (arXiv 2304.03977). */
const empSsl: Point = {
  ...{ run: "EMP-SSL's reproduction, 1 epoch", knn: 74.3, petaflop: 3.3 },
  ...{ embedding: "patches' mean", views: 128 },
};

const own = [
  ...(await ours("`auto`, an hour", ["cifar-60.json"])),
  ...(await ours("`auto`, another hour", ["cifar-60-2.json"])),
  ...(await ours("wider, 40 epochs", ["cifar-wide.json"])),
  ...(await ours("wider, 40 and 20 epochs", ["cifar-wide.json", "cifar-wide-2.json"])),
];
const series: Record<string, Point[]> = {
  "ours, whitened fully": own.filter(({ embedding }) => embedding === "whitened fully, 128"),
  "ours, projection": own.filter(({ embedding }) => embedding === "projection, 128"),
  "MoCo's authors, projection": authors,
  "lightly, features": lightlys,
  "EMP-SSL, 128 views": [empSsl],
};
const COLOURS = ["#3b7dd8", "#8fb8ec", "#e08a2e", "#2f9e5b", "#b0509f"];

/** One panel, its own axis of cost. */
function panel(cost: "petaflop" | "coreMinutes", label: string): string {
  const document = new DOMParser().parseFromString("<html></html>", "text/html") as never; // in place of a browser
  const marks = Object.values(series).flatMap((points, i) => {
    const shown = points.filter((point) => point[cost] !== undefined);
    const channels = { x: cost, y: "knn", stroke: COLOURS[i]! };
    const isCurve = i < 3;
    return [
      ...(isCurve ? [Plot.line(shown, { ...channels, strokeWidth: 2 })] : []),
      Plot.dot(shown, { ...channels, fill: COLOURS[i]!, r: 3 }),
    ];
  });
  const chart = Plot.plot({
    ...{ document, width: 470, height: 330, marginLeft: 40, marginBottom: 42 },
    style: { background: "white", color: "#333" },
    x: {
      type: "log",
      label,
      nice: true,
      grid: true,
      tickFormat: (value: number) => value.toLocaleString("en"),
      ticks: 5,
    },
    y: { label: "kNN, %", grid: true, domain: [45, 90] },
    marks,
  });
  return chart.outerHTML;
}

const WIDTH = 960;
const panels = [panel("petaflop", "PFLOP of the training"), panel("coreMinutes", "minutes of one core, here")];
const nested = panels.map((svg, i) => svg.replace("<svg", `<svg x="${480 * i}" y="34"`));
const legend = Object.keys(series).map(
  (name, i) =>
    `<circle cx="${20 + 188 * i}" cy="16" r="5" fill="${COLOURS[i]}"/><text x="${30 + 188 * i}" y="20">${name}</text>`,
);
await writeFile(
  join(packageRoot(), "docs", "images", "learning-curve.svg"),
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} 370" font-family="system-ui, sans-serif" font-size="11"><rect width="${WIDTH}" height="370" fill="white"/>${legend.join("")}${nested.join("")}</svg>\n`,
);

const row = ({ run, knn, petaflop, coreMinutes, embedding, views }: Point) =>
  `| ${[run, embedding, views, petaflop.toFixed(2), coreMinutes?.toFixed(0) ?? "", knn.toFixed(1)].join(" | ")} |`;
const all = [...own, ...authors, ...lightlys, empSsl].sort((a, b) => a.petaflop - b.petaflop || a.knn - b.knn);
console.log(
  [
    "| run | embedding | views | PFLOP | core-minutes | kNN |",
    "| :-- | :-- | --: | --: | --: | --: |",
    ...all.map(row),
  ].join("\n"),
);
