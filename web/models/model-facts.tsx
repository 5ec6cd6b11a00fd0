// The facts of a model card.
import type { ModelView } from "../../client/index.ts";
import { FactList } from "../parts/fact-list.tsx";
import { count, formatDuration, percent } from "../parts/words.ts";

type Card = Extract<ModelView, { readonly card: unknown }>["card"];

/** The usual names of the measures of an evaluation. */
const MEASURES: Readonly<Record<string, string>> = {
  knn: "kNN",
  linear: "linear",
  recallAt1: "recall@1",
  recallAt10: "recall@10",
  mAP: "mAP",
};

export function Facts({ card }: { readonly card: Card }) {
  return <FactList class="facts" facts={factsOf(card)} />;
}

/** The hyper-parameters, nested ones as "views.flip". */
export function Recipe({ recipe }: { readonly recipe: unknown }) {
  return (
    <details class="recipe">
      <summary>Hyper-parameters</summary>
      <FactList class="facts" facts={flatten(recipe, "")} />
    </details>
  );
}

function factsOf(card: Card): Array<[string, string]> {
  const { training, source, fitted, scores, evaluations = [], input } = card;
  const facts: Array<[string, string | undefined]> = [
    [
      "Imported from",
      source && `“${source.file}”, ${source.training}${source.epochs ? `, ${source.epochs} epochs` : ""}`,
    ],
    ["Published, not measured here", source?.published],
    ["Trained on", training && `${count(training.images, "image")} of “${training.data}”`],
    ["Training", training && `${count(Math.round(training.epochs), "epoch")} in ${formatDuration(training.seconds)}`],
    [
      "Begun from",
      training?.begunFrom &&
        `${training.begunFrom.name}, ${training.begunFrom.imagesSeen.toLocaleString()} images seen in ${formatDuration(training.begunFrom.seconds)}`,
    ],
    [
      "Fitted to",
      fitted && `${count(fitted.images, "image")} of “${fitted.data}”, without training, from ${fitted.from.name}`,
    ],
    ...evaluations.map(({ images, measures }): [string, string] => [
      images,
      Object.entries(measures)
        .map(([name, value]) => `${MEASURES[name] ?? name} ${percent(value)}`)
        .join(", "),
    ]),
    [
      "Last step",
      training &&
        `loss ${training.metrics.loss?.toFixed(2)}, own key found ${percent(training.metrics.accuracy ?? 0, 0)}`,
    ],
    ["Scores", scores && `different ${scores.random.mean.toFixed(2)}, alike ${scores.positive.mean.toFixed(2)}`],
    ["Embedding", `${card.dimensions} numbers from ${input.width} × ${input.height} pixels`],
    [
      "Encoder",
      [card.architecture, card.parameters && `${(card.parameters / 1e6).toFixed(1)} M parameters`]
        .filter(Boolean)
        .join(", "),
    ],
    ["Licence", card.licence],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined);
}

function flatten(value: unknown, name: string): Array<[string, string]> {
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    return [[name, Array.isArray(value) ? value.join(", ") : String(value)]];
  }
  return Object.entries(value).flatMap(([key, inner]) => flatten(inner, name ? `${name}.${key}` : key));
}
