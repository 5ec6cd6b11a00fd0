// Models: what there is, what answers, and how it is replaced.
import { compareAfter, rememberBefore } from "./comparison.js";
import { lossCurve } from "./curve.js";
import { button, count, el, notice } from "./dom.js";
import { isOver, swapPanel } from "./swap-panel.js";

/** Between two looks at a running swap, in milliseconds. */
const LOOK = 250;

export function createModelsView({ api, toast, status }) {
  const message = el("div");
  const swapPlace = el("div", { class: "swap-place" });
  const comparison = el("div");
  const cards = el("ul", { class: "cards", "aria-label": "Models" });
  const rollback = button("Roll back", () => begin("/v1/rollback"), { hidden: true });
  const element = el(
    "div",
    { class: "models" },
    el(
      "div",
      { class: "row heading" },
      el(
        "div",
        {},
        el("h1", {}, "Models"),
        el("p", { class: "summary" }, "Activate a newly trained model while searches go on; nothing is interrupted."),
      ),
      rollback,
    ),
    swapPlace,
    comparison,
    message,
    cards,
  );
  let following;

  status.onChange(() => element.isConnected && void load());

  async function load() {
    try {
      const answer = await api.get("/v1/models");
      message.replaceChildren();
      rollback.hidden = !answer.previous;
      rollback.disabled = Boolean(answer.swap);
      if (answer.previous) rollback.textContent = `Roll back to ${answer.previous.card.name}`;
      const named = new Set(answer.models.map(({ card }) => card?.sha256));
      const gone = answer.active && !named.has(answer.active.card.sha256);
      const models = gone
        ? [{ name: answer.active.card.name, state: "active", card: answer.active.card }, ...answer.models]
        : answer.models;
      const order = { active: 0, loading: 1, available: 2, invalid: 3 };
      models.sort((a, b) => order[a.state] - order[b.state]);
      cards.replaceChildren(...models.map((model) => card(model, answer)));
      if (answer.swap && !following) void follow(answer.swap);
    } catch (error) {
      const again = button("Try again", () => load(), { kind: "primary" });
      message.replaceChildren(notice(error.title ?? "The models cannot be read", error.message, again));
    }
  }

  const begin = async (path) => {
    comparison.replaceChildren();
    try {
      const before = await rememberBefore(api);
      const { swap } = await api.post(path);
      void load();
      await follow(swap, before);
    } catch (error) {
      toast(error.message);
    }
  };

  const follow = async (swap, before) => {
    following = swap.id;
    const panel = swapPanel({
      cancel: () => api.post(`/v1/swaps/${encodeURIComponent(swap.id)}/cancel`).catch((error) => toast(error.message)),
      close: () => swapPlace.replaceChildren(),
    });
    swapPlace.replaceChildren(panel.element);
    panel.show(swap);
    let latest = swap;
    while (!isOver(latest)) {
      await new Promise((resolve) => setTimeout(resolve, LOOK));
      // A server that is busy or restarts goes on with the swap: it is asked until it answers.
      latest = await api.get(`/v1/swaps/${encodeURIComponent(swap.id)}`).catch((error) => {
        if (error.code === "swap_not_found") throw error;
        return latest;
      });
      panel.show(latest);
    }
    following = undefined;
    await load();
    if (latest.state === "active" && before) comparison.replaceChildren(await compareAfter(api, before));
  };

  const card = ({ name, state, card: facts, reason }, { active, swap }) => {
    const heading = el("h2", {}, name);
    if (state === "invalid") {
      return el(
        "li",
        { class: "card invalid" },
        heading,
        el("p", {}, "This folder cannot be used."),
        el("p", {}, reason),
      );
    }
    const badge = {
      active: `Active · generation ${active?.generation}`,
      loading: "Being activated",
      available: "",
    }[state];
    const activate = button(`Activate ${name}`, () => begin(`/v1/models/${encodeURIComponent(name)}/activate`), {
      kind: "primary",
      disabled: Boolean(swap),
    });
    return el(
      "li",
      { class: `card ${state}` },
      el("div", { class: "row" }, heading, badge && el("span", { class: "badge" }, badge)),
      el("p", { class: "version" }, formatVersion(facts.version)),
      factList(facts),
      lossCurve(facts.training?.curve),
      state === "available" && activate,
    );
  };

  return { element, show: () => void load() };
}

/** Measures of an evaluation, as the field writes them. */
const MEASURES = { knn: "kNN", linear: "linear", recallAt1: "recall@1", recallAt10: "recall@10", mAP: "mAP" };

/** A model card's facts for people. */
function factList({ training, dimensions, parameters, architecture, input, scores, evaluations, licence }) {
  const percent = (value) => `${(value * 100).toFixed(1)} %`;
  const minutes = (seconds) =>
    seconds < 90 ? `${Math.round(seconds)} s` : `${Math.round(seconds / 60).toLocaleString()} min`;
  const facts = [
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
  if (name === "accuracy") return "Key found first"; // of the query's own key among all negatives
  const words = name.replaceAll(/([a-z])([A-Z0-9])/g, "$1 $2").toLowerCase();
  return words[0].toUpperCase() + words.slice(1);
}

/** Versions that are dates are shown as such. */
function formatVersion(version) {
  const date = /^\d{4}-\d\d-\d\dT/.test(version) ? new Date(version) : undefined;
  return date ? date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" }) : version;
}
