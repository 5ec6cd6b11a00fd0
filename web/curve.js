// The training curves of a model card.
import { el, svg } from "./dom.js";

const [WIDTH, HEIGHT] = [240, 48];

/** Charts of loss and kNN accuracy, each on its own scale; one with fewer than two points is left out. */
export function trainingCurves(curve = []) {
  const loss = curve.map((point) => point.loss);
  const knn = curve.flatMap((point) => point.knn ?? []);
  return [
    drawCurve("Loss", loss, (value) => value.toFixed(2)),
    drawCurve("kNN accuracy", knn, (value) => `${(value * 100).toFixed(1)} %`),
  ].filter(Boolean);
}

function drawCurve(name, values, format) {
  if (values.length < 2) return undefined;
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const x = (i) => (i / (values.length - 1)) * WIDTH;
  const y = (value) => HEIGHT - 2 - ((value - least) / (most - least || 1)) * (HEIGHT - 4);
  const text = `${name} ${format(values[0])} → ${format(values.at(-1))}, measured ${values.length} times`;
  const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const line = svg("polyline", { points });
  const picture = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": text }, line);
  return el("figure", { class: "curve" }, picture, el("figcaption", {}, text));
}
