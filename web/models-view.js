// The view of the models: lists them, shows which answers, and activates another.
import { showComparison } from "./comparison.js";
import { trainingCurves } from "./curve.js";
import { button, el, notice } from "./dom.js";
import { factList, formatVersion, recipeList } from "./model-facts.js";
import { serversPanel } from "./servers-panel.js";
import { awaitsApproval, isOver, swapPanel } from "./swap-panel.js";

/** Milliseconds before a broken stream of events is opened again. */
const RETRY = 1000;

export function createModelsView({ api, toast, status }) {
  const message = el("div");
  const swapPlace = el("div", { class: "swap-place" });
  const comparison = el("div");
  const cards = el("ul", { class: "cards", "aria-label": "Models" });
  const servers = serversPanel(api);
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
    servers.element,
  );
  /** Id of the swap that is shown. It is in the address, so that a reload shows it again. */
  let shown;

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
      if (answer.swap && shown !== answer.swap.id) void follow(answer.swap);
      return answer;
    } catch (error) {
      const again = button("Try again", () => load(), { kind: "primary" });
      message.replaceChildren(notice(error.title ?? "The models cannot be read", error.message, again));
    }
  }

  const begin = async (path) => {
    try {
      const { swap } = await api.post(path);
      await Promise.all([follow(swap), load()]);
    } catch (error) {
      toast(error.message);
    }
  };

  const addressOf = (id) => `/v1/swaps/${encodeURIComponent(id)}`;
  const setAddress = (hash) => {
    if (element.isConnected) history.replaceState(undefined, "", hash);
  };

  /** Shows a swap until it ends, and what the gate found. */
  const follow = async (swap) => {
    shown = swap.id;
    setAddress(`#/models?swap=${encodeURIComponent(swap.id)}`);
    comparison.replaceChildren();
    const ask = (what) => () => api.post(`${addressOf(swap.id)}/${what}`).catch((error) => toast(error.message));
    const panel = swapPanel({
      cancel: ask("cancel"),
      approve: ask("approve"),
      discard: ask("discard"),
      close() {
        for (const place of [swapPlace, comparison]) place.replaceChildren();
        setAddress("#/models");
      },
    });
    swapPlace.replaceChildren(panel.element);
    panel.show(swap);
    let latest = swap;
    while (!isOver(latest) && shown === swap.id) {
      // A server that restarts continues the swap: ask until it answers.
      try {
        for await (const next of api.events(`${addressOf(swap.id)}/events`)) {
          latest = next;
          panel.show(latest);
          if (awaitsApproval(latest) && !comparison.hasChildNodes()) compare(latest, await load());
        }
      } catch (error) {
        if (error.code === "swap_not_found") return;
      }
      if (!isOver(latest)) await new Promise((resolve) => setTimeout(resolve, RETRY));
    }
    const answer = await load();
    if (shown === swap.id) compare(latest, answer);
  };

  /** Shows the gate's comparison of a swap's two models. */
  const compare = ({ report, replaces, model, generation }, answer) => {
    const found = report?.comparison;
    if (!found) return;
    const nameOf = (number) => {
      const served = [answer?.active, answer?.previous].find((one) => one?.generation === number);
      return served ? `${served.card.name} (generation ${number})` : `generation ${number}`;
    };
    const names = { before: nameOf(replaces), after: `${model.name} (generation ${generation})` };
    comparison.replaceChildren(showComparison(api, found, names));
  };

  /** @param {string | null} id The swap that the address names. */
  const open = async (id) => {
    void servers.watch();
    await load();
    if (!id || id === shown) return;
    const swap = await api.get(addressOf(id)).catch(() => undefined);
    if (swap) void follow(swap);
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
    const activatePath = `/v1/models/${encodeURIComponent(name)}/activate`;
    const activate = button(`Activate ${name}`, () => begin(activatePath), {
      kind: "primary",
      disabled: Boolean(swap),
    });
    const review = button(`Review ${name}`, () => begin(`${activatePath}?review=true`), {
      disabled: Boolean(swap),
      title: "Embeds every image, shows what would change, and waits for your word",
    });
    return el(
      "li",
      { class: `card ${state}` },
      el("div", { class: "row" }, heading, badge && el("span", { class: "badge" }, badge)),
      el("p", { class: "version" }, formatVersion(facts.version)),
      factList(facts),
      ...trainingCurves(facts.training?.curve),
      facts.training && recipeList(facts.training.recipe),
      state === "available" && el("div", { class: "row" }, activate, review),
    );
  };

  return { element, show: (parameters) => void open(parameters.get("swap")) };
}
