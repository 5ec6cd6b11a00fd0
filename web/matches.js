// The matches of a search: a grid with a summary, or a message if it is empty.
import { button, el, notice } from "./dom.js";
import { calibrate } from "./scores.js";
import { tile } from "./tile.js";

/**
 * @param {object} parts Of the search: its threshold, facets and examples.
 * @param {object} actions
 * @param {() => void} actions.again Searches again.
 * @param {() => void} actions.more Searches for more matches.
 * @param {() => void} actions.pick Lets the user choose another image.
 * @param {() => void} actions.add Leads to where images are added.
 */
export function createMatches({ api, threshold, facets, examples }, { again, more, pick, add }) {
  let answer;
  const summary = el("p", { class: "summary", role: "status" });
  const message = el("div");
  const grid = el("ul", { class: "grid", "aria-label": "Matches" });
  const showMore = button("Show more", more);
  const element = el(
    "section",
    { class: "results", "aria-labelledby": "results-title" },
    el("h1", { id: "results-title" }, "Similar images"),
    summary,
    message,
    grid,
    el("div", { class: "more" }, showMore),
  );

  /** Shows the matches that pass the threshold. */
  function render() {
    const { matches, milliseconds, generation, model } = answer;
    const shown = matches.filter(({ score }) => score >= threshold.value() - 1e-6);
    grid.replaceChildren(...shown.map((match) => tile(api, match, ...examples.buttons(match))));
    const of = shown.length < matches.length ? ` of ${matches.length.toLocaleString()}` : "";
    summary.textContent =
      matches.length === 0
        ? ""
        : `${shown.length.toLocaleString()}${of} ${matches.length === 1 ? "match" : "matches"} in ${Math.max(1, Math.round(milliseconds))} ms · model ${model.name}, generation ${generation}`;
    if (matches.length === 0 && !facets.filter()) {
      const addImages = button("Add images", add, { kind: "primary" });
      message.replaceChildren(notice("Nothing to compare with yet", "The collection has no other image.", addImages));
    } else if (shown.length === 0) {
      const showAll = button("Show all", () => {
        facets.clear();
        threshold.reset();
        again();
      });
      message.replaceChildren(
        notice("No match passes", "The threshold or the filter leaves all of them out.", showAll),
      );
    } else message.replaceChildren();
  }

  return {
    element,
    render,
    begin() {
      element.setAttribute("aria-busy", "true");
      message.replaceChildren();
    },
    end: () => element.removeAttribute("aria-busy"),
    clear: () => grid.replaceChildren(),
    /** @param {boolean} complete There are no more to show. */
    show(next, complete) {
      answer = next;
      const scores = answer.matches.map(({ score }) => score);
      threshold.element.hidden = scores.length === 0;
      threshold.show(calibrate(answer.served?.card.scores, scores, answer.served?.threshold), scores);
      if (!facets.filter()) facets.show(answer.matches.map(({ metadata }) => metadata));
      showMore.hidden = complete;
      render();
    },
    showProblem(error) {
      grid.replaceChildren();
      summary.textContent = "";
      for (const part of [threshold.element, facets.element, showMore]) part.hidden = true;
      const helps =
        error.status === 0 || error.status >= 500
          ? button("Try again", again, { kind: "primary" })
          : button("Choose another image", pick);
      message.replaceChildren(notice(error.title ?? "The search failed", error.message, helps));
    },
  };
}
