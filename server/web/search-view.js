// Search: a query on the one side, its matches on the other.

import { createAsker } from "./ask.js";
import { button, el, notice } from "./dom.js";
import { createExamples } from "./examples.js";
import { createFacets } from "./facets.js";
import { pickImages } from "./given-images.js";
import { createQueryCanvas } from "./query-canvas.js";
import { calibrate } from "./scores.js";
import { createStartScreen } from "./start-screen.js";
import { createThreshold } from "./threshold.js";
import { tile } from "./tile.js";

const FIRST = 60;
const MOST = 1000;

/**
 * @typedef {object} Query What is searched with.
 * @property {string} [id] Of a stored image; or
 * @property {Blob} [file] an image file.
 */

export function createSearchView({ api, go, status, searchFile: searchFromAnywhere }) {
  /** @type {Query | undefined} */
  let query;
  let k = FIRST;
  let answer;
  let running;
  /** Shown again where the user comes back to the search without naming an image. */
  let lastFile;
  let ask = createAsker(api);

  const canvas = createQueryCanvas(() => run());
  const clearRegion = button("Search the whole image", () => canvas.clear(), { hidden: true });
  const examples = createExamples(api, () => run());
  const threshold = createThreshold(() => render());
  const facets = createFacets(() => run());
  const summary = el("p", { class: "summary", role: "status" });
  const message = el("div");
  const grid = el("ul", { class: "grid", "aria-label": "Matches" });
  const showMore = button("Show more", () => {
    k = Math.min(MOST, k * 3);
    run();
  });
  const picture = el("div", { class: "query-picture" }, canvas.element);
  const aside = el(
    "aside",
    { "aria-label": "Query" },
    el(
      "section",
      { class: "panel query" },
      picture,
      el("p", { class: "hint" }, "Drag a box to search with a part of the image."),
      el(
        "div",
        { class: "actions" },
        button("New image", pick, { kind: "primary" }),
        clearRegion,
        button("Close", close),
      ),
    ),
    examples.element,
    el(
      "details",
      { open: matchMedia("(min-width: 901px)").matches },
      el("summary", {}, "Threshold and filter"),
      threshold.element,
      facets.element,
    ),
  );
  const results = el(
    "section",
    { class: "results", "aria-labelledby": "results-title" },
    el("h1", { id: "results-title" }, "Similar images"),
    summary,
    message,
    grid,
    el("div", { class: "more" }, showMore),
  );
  const search = el("div", { class: "search" }, aside, results);
  const start = createStartScreen({ api, pick });
  const element = el("div", {}, start.element, search);

  status.onChange(() => {
    ask = createAsker(api);
    threshold.reset();
    if (query && element.isConnected) run();
  });

  async function pick() {
    const [file] = await pickImages();
    if (file) searchFromAnywhere(file);
  }

  function close() {
    lastFile = undefined;
    if (location.hash === "#/search") showStart();
    else go("#/search");
  }

  const showStart = () => {
    query = undefined;
    search.hidden = true;
    start.element.hidden = false;
    void start.show();
  };

  /** Searches with another query, from the beginning. */
  const begin = async (next) => {
    query = next;
    k = FIRST;
    answer = undefined;
    examples.clear();
    facets.clear();
    canvas.show(undefined);
    clearRegion.hidden = true;
    start.element.hidden = true;
    search.hidden = false;
    grid.replaceChildren();
    window.scrollTo(0, 0);
    run();
    const bitmap = await (async () => createImageBitmap(next.file ?? (await api.content(next.id))))().catch(() => {});
    if (query === next) canvas.show(bitmap);
    picture.classList.toggle("unseen", !bitmap);
  };

  async function run() {
    clearRegion.hidden = !canvas.hasRegion();
    running?.abort();
    const abort = new AbortController();
    running = abort;
    results.setAttribute("aria-busy", "true");
    message.replaceChildren();
    try {
      const began = performance.now();
      const part = clearRegion.hidden ? undefined : () => canvas.crop();
      const question = { query, part, k, filter: facets.filter(), ...examples.chosen(), signal: abort.signal };
      let found = await ask(question);
      if (found.embeddedBy && found.embeddedBy !== found.model.sha256) {
        ask = createAsker(api); // the model changed between the two requests
        found = await ask(question);
      }
      if (abort.signal.aborted) return;
      answer = { ...found, milliseconds: performance.now() - began, served: await servedBy(found.generation) };
      showAnswer();
    } catch (error) {
      if (abort.signal.aborted) return;
      showProblem(error);
    } finally {
      if (running === abort) results.removeAttribute("aria-busy");
    }
  }

  /** Generation → its card with the score statistics, and its threshold. */
  const served = new Map();
  const servedBy = async (generation) => {
    if (!served.has(generation)) {
      const { active } = await api.get("/v1/models").catch(() => ({}));
      if (active) served.set(active.generation, active);
    }
    return served.get(generation);
  };

  const showAnswer = () => {
    const scores = answer.matches.map(({ score }) => score);
    threshold.element.hidden = scores.length === 0;
    threshold.show(calibrate(answer.served?.card.scores, scores, answer.served?.threshold), scores);
    if (!facets.filter()) facets.show(answer.matches.map(({ metadata }) => metadata));
    showMore.hidden = answer.matches.length < k || k >= MOST;
    render();
  };

  const showProblem = (error) => {
    grid.replaceChildren();
    summary.textContent = "";
    threshold.element.hidden = true;
    facets.element.hidden = true;
    showMore.hidden = true;
    const again = button("Try again", () => run(), { kind: "primary" });
    const actions = error.status === 0 || error.status >= 500 ? [again] : [button("Choose another image", pick)];
    message.replaceChildren(notice(error.title ?? "The search failed", error.message, ...actions));
  };

  function render() {
    const { matches, milliseconds, generation, model } = answer;
    const shown = matches.filter(({ score }) => score >= threshold.value() - 1e-6);
    grid.replaceChildren(...shown.map(resultTile));
    const of = shown.length < matches.length ? ` of ${matches.length.toLocaleString()}` : "";
    summary.textContent =
      matches.length === 0
        ? ""
        : `${shown.length.toLocaleString()}${of} ${matches.length === 1 ? "match" : "matches"} in ${Math.max(1, Math.round(milliseconds))} ms · model ${model.name}, generation ${generation}`;
    if (matches.length === 0 && !facets.filter()) {
      const add = button("Add images", () => go("#/collection"), { kind: "primary" });
      message.replaceChildren(notice("Nothing to compare with yet", "The collection has no other image.", add));
    } else if (shown.length === 0) {
      const show = button("Show all", () => {
        facets.clear();
        threshold.reset();
        run();
      });
      message.replaceChildren(notice("No match passes", "The threshold or the filter leaves all of them out.", show));
    } else message.replaceChildren();
  }

  const resultTile = (match) => tile(api, match, ...examples.buttons(match));

  return {
    element,
    /** @param {URLSearchParams} parameters `id`: of the stored image to search with. */
    show(parameters) {
      const id = parameters.get("id");
      if (id) {
        if (query?.id !== id) void begin({ id });
        return;
      }
      if (!lastFile) showStart();
      else if (query?.file !== lastFile) void begin({ file: lastFile });
    },
    /** @param {File} file */
    searchFile(file) {
      lastFile = file;
      void begin({ file });
    },
  };
}
