// A small curve of a training: its loss, epoch by epoch.
import { el } from "./dom.js";

const [WIDTH, HEIGHT] = [240, 48];

/** The losses of a model card's curve as a picture with a text for those who do not see it; nothing for fewer than two. */
export function lossCurve(curve) {
  if (!curve || curve.length < 2) return undefined;
  const losses = curve.map(({ loss }) => loss);
  const [least, most] = [Math.min(...losses), Math.max(...losses)];
  const x = (i) => (i / (losses.length - 1)) * WIDTH;
  const y = (loss) => HEIGHT - 2 - ((loss - least) / (most - least || 1)) * (HEIGHT - 4);
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("role", "img");
  const text = `Loss ${losses[0].toFixed(2)} → ${losses.at(-1).toFixed(2)} in ${losses.length} measures`;
  svg.setAttribute("aria-label", text);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "polyline");
  line.setAttribute("points", losses.map((loss, i) => `${x(i).toFixed(1)},${y(loss).toFixed(1)}`).join(" "));
  svg.append(line);
  return el("figure", { class: "curve" }, svg, el("figcaption", {}, text));
}
