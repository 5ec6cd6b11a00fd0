// The search: the query on one side, its matches on the other.
import { ask } from "./ask.js";
import { button, el } from "./dom.js";
import { createExamples } from "./examples.js";
import { createFacets } from "./facets.js";
import { pickImages } from "./given-images.js";
import { createMatches } from "./matches.js";
import { createQueryCanvas } from "./query-canvas.js";
import { createStartScreen } from "./start-screen.js";
import { createThreshold } from "./threshold.js";

const FIRST = 60;
const MOST = 1000;

/**
 * @typedef {object} Query What is searched with: one of the two.
 * @property {string} [id] Id of a stored image.
 * @property {Blob} [file] An image file.
 */

export function createSearchView({ api, go, status, searchFile: searchFromAnywhere }) {
  /** @type {Query | undefined} */
  let query;
  let k = FIRST;
  let running;
  /** The last image file, shown again when the user comes back to the search. */
  let lastFile;

  const canvas = createQueryCanvas(() => run());
  const clearRegion = button("Search the whole image", () => canvas.clear(), { hidden: true });
  const examples = createExamples(api, () => run());
  const threshold = createThreshold(() => matches.render());
  const facets = createFacets(() => run());
  const matches = createMatches(
    { api, threshold, facets, examples },
    {
      again: () => run(),
      more: () => {
        k = Math.min(MOST, k * 3);
        run();
      },
      pick,
      add: () => go("#/collection"),
    },
  );
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
  const search = el("div", { class: "search" }, aside, matches.element);
  const start = createStartScreen({ api, pick });
  const element = el("div", {}, start.element, search);

  status.onChange(() => {
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

  /** Starts a search with a new query. */
  const begin = async (next) => {
    query = next;
    k = FIRST;
    examples.clear();
    facets.clear();
    canvas.show(undefined);
    clearRegion.hidden = true;
    start.element.hidden = true;
    search.hidden = false;
    matches.clear();
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
    matches.begin();
    try {
      const began = performance.now();
      const part = clearRegion.hidden ? undefined : () => canvas.crop();
      const question = { query, part, k, filter: facets.filter(), ...examples.chosen(), signal: abort.signal };
      const found = await ask(api, question);
      if (abort.signal.aborted) return;
      const milliseconds = performance.now() - began;
      const complete = found.matches.length < k || k >= MOST;
      matches.show({ ...found, milliseconds, served: await servedBy(found.generation) }, complete);
    } catch (error) {
      if (abort.signal.aborted) return;
      matches.showProblem(error);
    } finally {
      if (running === abort) matches.end();
    }
  }

  /** Generation → its card with the score statistics, and its threshold, which is known once two images are stored. */
  const served = new Map();
  const servedBy = async (generation) => {
    if (served.get(generation)?.threshold === undefined) {
      const { active } = await api.get("/v1/models").catch(() => ({}));
      if (active) served.set(active.generation, active);
    }
    return served.get(generation);
  };

  return {
    element,
    /** @param {URLSearchParams} parameters `id`: the stored image to search with. */
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
