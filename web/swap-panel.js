// The progress of a swap: its states in order, how far it is, and what the gate found.
import { button, el } from "./dom.js";

const STEPS = [
  ["loading", "Load", "The new encoder starts in a process of its own."],
  ["warming", "Warm up", "It runs once at every batch size."],
  ["backfilling", "Embed again", "Every stored image gets the new encoder's embedding; uploads get both."],
  ["verifying", "Verify", "The gate: nothing missing, the index exact enough, the embeddings not collapsed."],
  ["ready", "Switch", "One pointer moves, model and index together."],
  ["active", "Active", "The new model answers."],
];

/** True for a swap that has ended. */
export function isOver({ state }) {
  return ["active", "retired", "failed", "cancelled"].includes(state);
}

/** True for a swap that waits until someone approves or discards it. */
export function awaitsApproval({ state, review, approvedAt }) {
  return state === "ready" && review && !approvedAt;
}

/**
 * @param {Record<"cancel" | "approve" | "discard" | "close", () => void>} actions
 */
export function swapPanel({ cancel, approve, discard, close }) {
  const title = el("h2", { id: "swap-title" });
  const steps = el("ol", { class: "steps" });
  const progress = el("progress", { "aria-label": "Images embedded again" });
  const text = el("p", { role: "status" });
  const report = el("dl", { class: "report", hidden: true });
  const cancelButton = button("Cancel", cancel);
  const approveButton = button("Approve", approve, { kind: "primary", hidden: true });
  const discardButton = button("Discard", discard, { hidden: true });
  const warnings = el("ul", { class: "warnings", hidden: true });
  const closeButton = button("Close", close, { hidden: true });
  const element = el(
    "section",
    { class: "panel swap", "aria-labelledby": "swap-title" },
    el("div", { class: "row" }, title, approveButton, discardButton, cancelButton, closeButton),
    steps,
    progress,
    text,
    warnings,
    report,
  );
  let reached = 0;

  return {
    element,
    show(swap) {
      const { kind, model, state, error } = swap;
      element.dataset.state = state;
      title.textContent = `${kind === "rollback" ? "Rolling back to" : "Activating"} ${model.name}`;
      const at = STEPS.findIndex(([name]) => name === state);
      if (at >= 0) reached = at;
      steps.replaceChildren(
        ...STEPS.map(([name, label], i) => {
          const isDone = i < reached || state === "active" || state === "retired";
          const kind = isDone ? "done" : i === reached ? "now" : "later";
          return el("li", { class: kind, "aria-current": name === state ? "step" : undefined }, label);
        }),
      );
      const { done, total, imagesPerSecond, secondsLeft } = swap.progress ?? {};
      progress.hidden = state !== "backfilling" || !total;
      if (total) {
        progress.max = total;
        progress.value = done;
      }
      text.textContent =
        state === "failed"
          ? `Not activated; the model before still answers. ${error?.detail ?? ""}`
          : state === "cancelled"
            ? "Cancelled; the model before still answers."
            : state === "backfilling" && total
              ? `${done.toLocaleString()} of ${total.toLocaleString()} images embedded again, ${Math.round(imagesPerSecond).toLocaleString()} a second${timeLeft(secondsLeft)}. Searches go on meanwhile.`
              : awaitsApproval(swap)
                ? "Ready, and waits for you. The model before answers until then; uploads go to both."
                : STEPS[reached][2];
      showReport(swap.report);
      const waits = awaitsApproval(swap);
      approveButton.hidden = !waits;
      discardButton.hidden = !waits;
      cancelButton.hidden = waits || isOver(swap);
      closeButton.hidden = !isOver(swap);
    },
  };

  function showReport(found) {
    report.hidden = !found;
    if (!found) return;
    warnings.hidden = !found.warnings?.length;
    warnings.replaceChildren(...(found.warnings ?? []).map((warning) => el("li", {}, warning)));
    const facts = [
      ["Images in the new index", found.contents.toLocaleString()],
      ["Recall@10 of the index", `${(found.recallAt10 * 100).toFixed(1)} %`],
      ["Spread of the embeddings", found.spread.toFixed(3)],
      ...skippedFacts(found.skipped),
      ...comparisonFacts(found.comparison),
    ];
    report.replaceChildren(...facts.map(([term, value]) => el("div", {}, el("dt", {}, term), el("dd", {}, value))));
  }
}

/** A text such as ", 2 min left"; empty for undefined. */
function timeLeft(seconds) {
  if (seconds === undefined) return "";
  return `, ${seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.round(seconds / 60)} min`} left`;
}

/** Most images that are named as left out. */
const NAMED = 10;

/** The images that a swap went on without, as a fact. */
function skippedFacts(skipped) {
  if (!skipped) return [];
  const { contents, images } = skipped;
  const names = [...images.slice(0, NAMED), ...(images.length > NAMED ? ["…"] : [])].join(", ");
  return [["Left out: missing, damaged or not decodable", `${contents.toLocaleString()} (${names})`]];
}

/** The gate's comparison of the two models, as facts. */
function comparisonFacts(comparison) {
  if (!comparison) return [];
  const { neighbours, scores, retrieval, views } = comparison;
  const share = (part) => `${(part * 100).toFixed(0)} %`;
  const beside = (value) => `${value("before").toFixed(3)} → ${value("after").toFixed(3)}`;
  return [
    ["Neighbours kept", share(neighbours.overlapAt10)],
    scores && ["Score of the nearest, median", beside((side) => scores[side].nearest.p50)],
    scores && ["Score of any two, median", beside((side) => scores[side].random.p50)],
    scores && ["Alike from", beside((side) => scores[side].threshold)],
    retrieval && [`Mean average precision by ${retrieval.key}`, beside((side) => retrieval[side])],
    views && [
      "Other crop of an image found first",
      `${share(views.before)} → ${share(views.after)}; by pixels ${share(views.pixels)}`,
    ],
  ].filter(Boolean);
}
