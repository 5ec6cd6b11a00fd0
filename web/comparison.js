// The gate's comparison of two models: the same queries before and after, side by side.
import { el } from "./dom.js";
import { formatScore } from "./scores.js";
import { thumbnail } from "./tile.js";

/** Most queries shown of those in the report. */
const QUERIES = 6;

/**
 * @param {{ neighbours: { sample: number, overlapAt10: number, changedMost: any[] } }} comparison Of a swap's report.
 * @param {{ before: string, after: string }} names Of the models.
 * @returns {HTMLElement}
 */
export function showComparison(api, { neighbours }, names) {
  const { sample, overlapAt10, changedMost } = neighbours;
  const rows = changedMost.slice(0, QUERIES).map(({ id, overlapAt10, before, after, scores }) => {
    const share = percent(overlapAt10);
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, thumbnail(api, { id }, 128), el("small", {}, `${share} kept`)),
      el("td", {}, matchList(api, before, scores?.before, after)),
      el("td", {}, matchList(api, after, scores?.after, before)),
    );
  });
  const columns = ["Query", names.before, names.after].map((name) => el("th", { scope: "col" }, name));
  const table = el("table", {}, el("thead", {}, el("tr", {}, ...columns)), el("tbody", {}, ...rows));
  return el(
    "section",
    { class: "panel comparison" },
    el("h2", { id: "comparison-title" }, "Before and after"),
    el(
      "p",
      { class: "hint" },
      `Of the 10 nearest images ${percent(overlapAt10)} stayed the same, over ${sample.toLocaleString()} queries. These changed most; what only one model finds is framed.`,
    ),
    el("div", { class: "scroll", tabIndex: 0, role: "region", "aria-labelledby": "comparison-title" }, table),
  );
}

const percent = (part) => `${Math.round(part * 100)} %`;

function matchList(api, ids, scores, others) {
  const items = ids.map((id, i) =>
    el(
      "li",
      { class: others.includes(id) ? undefined : "only" },
      thumbnail(api, { id }, 96),
      scores && el("small", {}, formatScore(scores[i])),
    ),
  );
  return el("ol", { class: "matches" }, ...items);
}
