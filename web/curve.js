// The curves of a training as its model card keeps them.
import { el, svg } from "./dom.js";

const [WIDTH, HEIGHT] = [240, 48];

/** Loss and kNN accuracy of a card's curve, each on its own scale; nothing where fewer than two were measured. */
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
