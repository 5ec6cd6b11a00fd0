// The chosen examples of "more like" and "less like", and the panel that shows and removes them.
import { button, count, el } from "./dom.js";
import { thumbnail } from "./tile.js";

/** @param {() => void} changed */
export function createExamples(api, changed) {
  /** Id → metadata. */
  const more = new Map();
  const less = new Map();
  const element = el("section", { class: "panel examples", hidden: true });

  const group = (name, chosen) => {
    const remove = (id) => {
      chosen.delete(id);
      show();
      changed();
    };
    const items = [...chosen].map(([id, metadata]) =>
      el(
        "li",
        {},
        thumbnail(api, { id, metadata }, 96),
        button("Remove this example", () => remove(id), { icon: "×" }),
      ),
    );
    return items.length > 0 && el("div", {}, el("h2", {}, name), el("ul", {}, ...items));
  };

  const show = () => {
    const number = more.size + less.size;
    element.hidden = number === 0;
    const groups = [group("More like", more), group("Less like", less)].filter(Boolean);
    element.replaceChildren(...groups, el("p", { class: "hint" }, count(number, "example"), " moved the query."));
  };

  /** A button that adds a match to the examples or removes it. */
  const toggle = (match, chosen, others, name, icon) => {
    const press = () => {
      others.delete(match.id);
      if (!chosen.delete(match.id)) chosen.set(match.id, match.metadata);
      show();
      changed();
    };
    return button(name, press, { icon, "aria-pressed": String(chosen.has(match.id)) });
  };

  return {
    element,
    /** Both buttons of a match. */
    buttons: (match) => [
      toggle(match, more, less, "More like this", "+"),
      toggle(match, less, more, "Less like this", "−"),
    ],
    /** The ids of the examples. */
    chosen: () => ({ more: [...more.keys()], less: [...less.keys()] }),
    clear() {
      for (const chosen of [more, less]) chosen.clear();
      show();
    },
  };
}
