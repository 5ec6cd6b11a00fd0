// Lists the facts of a model card.
import { count, el } from "./dom.js";

/** The usual names of the measures of an evaluation. */
const MEASURES = { knn: "kNN", linear: "linear", recallAt1: "recall@1", recallAt10: "recall@10", mAP: "mAP" };

/** A model card's facts as a description list. */
export function factList({
  training,
  source,
  dimensions,
  parameters,
  architecture,
  input,
  scores,
  evaluations,
  licence,
}) {
  const percent = (value) => `${(value * 100).toFixed(1)} %`;
  const minutes = (seconds) =>
    seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60).toLocaleString()} min`;
  const facts = [
    source && [
      "Imported from",
      `“${source.file}”, ${source.training}${source.epochs ? `, ${source.epochs} epochs` : ""}`,
    ],
    source?.published && ["Published, not measured here", source.published],
    training && ["Trained on", `${count(training.images, "image")} of “${training.data}”`],
    training && ["Training", `${count(Math.round(training.epochs), "epoch")} in ${minutes(training.seconds)}`],
    training?.begunFrom && [
      "Begun from",
      `${training.begunFrom.name}, ${training.begunFrom.imagesSeen.toLocaleString()} images seen in ${minutes(training.begunFrom.seconds)}`,
    ],
    ...(evaluations ?? []).map(({ images, measures }) => [
      images,
      Object.entries(measures)
        .map(([name, value]) => `${MEASURES[name] ?? name} ${percent(value)}`)
        .join(", "),
    ]),
    ...Object.entries(training?.metrics ?? {}).map(([name, value]) => [
      metricName(name),
      value > 0 && value < 1 && !/loss|difference|spread/i.test(name)
        ? percent(value)
        : Number(value.toPrecision(3)).toString(),
    ]),
    scores && ["Scores", `different ${scores.random.mean.toFixed(2)}, alike ${scores.positive.mean.toFixed(2)}`],
    ["Embedding", `${dimensions} numbers from ${input.width} × ${input.height} pixels`],
    [
      "Encoder",
      [architecture, parameters && `${(parameters / 1e6).toFixed(1)} M parameters`].filter(Boolean).join(", "),
    ],
    ["Licence", licence],
  ].filter(Boolean);
  return el("dl", {}, ...facts.flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]));
}

/** "exportDifference" → "Export difference" */
function metricName(name) {
  if (name === "accuracy") return "Key found first"; // the share of queries whose own key scores above every negative
  const words = name.replaceAll(/([a-z])([A-Z0-9])/g, "$1 $2").toLowerCase();
  return words[0].toUpperCase() + words.slice(1);
}

/** A version; one that is a date is shown in the reader's locale. */
export function formatVersion(version) {
  const date = /^\d{4}-\d\d-\d\dT/.test(version) ? new Date(version) : undefined;
  return date ? date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : version;
}

/** The hyper-parameters, nested ones as "views.flip". */
export function recipeList(recipe) {
  const flatten = (value, name) =>
    value !== null && typeof value === "object" && !Array.isArray(value)
      ? Object.entries(value).flatMap(([key, inner]) => flatten(inner, name ? `${name}.${key}` : key))
      : [[name, Array.isArray(value) ? value.join(", ") : String(value)]];
  const facts = flatten(recipe, "");
  const list = el("dl", {}, ...facts.flatMap(([term, value]) => [el("dt", {}, term), el("dd", {}, value)]));
  return el("details", { class: "recipe" }, el("summary", {}, "Hyper-parameters"), list);
}
