// The threshold: a slider under a histogram of the matches' scores.
import { button, el, svg } from "./dom.js";
import { formatScore, histogram } from "./scores.js";

const BINS = 48;
const HEIGHT = 40;

/**
 * @param {(minScore: number) => void} changed Called while the slider moves.
 */
export function createThreshold(changed) {
  let calibration;
  let scores = [];
  // The user's choice; undefined stands for the low end of the scale.
  let chosen;
  const chart = svg("svg", { viewBox: `0 0 ${BINS} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const input = el("input", { type: "range", step: "0.005", id: "threshold", "aria-describedby": "threshold-about" });
  const output = el("output", { htmlFor: "threshold" });
  const about = el("p", { class: "hint", id: "threshold-about" });
  const marks = el("ul", { class: "marks" });
  const suggest = button("", () => set(calibration.suggested), { kind: "link" });
  const all = button("Show all", () => set(undefined), { kind: "link" });

  const value = () => chosen ?? calibration.low;

  const draw = () => {
    const { low } = calibration;
    const counts = histogram(scores, low, BINS);
    const most = Math.max(1, ...counts);
    const from = ((value() - low) / (1 - low || 1)) * BINS;
    chart.replaceChildren(
      ...counts.map((number, i) => {
        const height = number === 0 ? 0 : 3 + (number / most) * (HEIGHT - 3);
        const kind = i + 1 > from ? "in" : "out";
        return svg("rect", { x: i + 0.12, y: HEIGHT - height, width: 0.76, height, class: kind });
      }),
    );
    output.textContent = chosen === undefined ? "any score" : `${formatScore(value())} or more`;
    all.hidden = chosen === undefined;
  };

  const set = (score) => {
    chosen = score;
    input.value = value();
    draw();
    changed(value());
  };
  input.addEventListener("input", () => set(Number(input.value) <= calibration.low ? undefined : Number(input.value)));

  const element = el(
    "section",
    { class: "panel threshold" },
    el("div", { class: "row" }, el("label", { htmlFor: "threshold" }, "Similarity"), output),
    chart,
    input,
    marks,
    el("div", { class: "row" }, suggest, all),
    about,
  );

  return {
    element,
    /** The lowest score that is shown, −1..1. */
    value: () => (calibration ? value() : -1),
    /** Shows the scores of a new answer and their calibration. */
    show(nextCalibration, nextScores) {
      calibration = nextCalibration;
      scores = nextScores;
      input.min = calibration.low;
      input.max = 1;
      input.value = value();
      suggest.textContent = `Suggested: ${formatScore(calibration.suggested)}`;
      about.textContent = calibration.source;
      marks.replaceChildren(
        ...calibration.marks.map(({ score, label }) => el("li", {}, el("b", {}, formatScore(score)), ` ${label}`)),
      );
      draw();
    },
    /** Forgets the user's choice, as when another model answers, whose scores mean something else. */
    reset: () => {
      chosen = undefined;
    },
  };
}
