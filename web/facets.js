// A filter by metadata: the values that occur among the matches, to switch on. The server applies it to all images.
import { el } from "./dom.js";

/** A field with more different values than this is not worth buttons. */
const MOST_VALUES = 16;

/**
 * @param {() => void} changed
 */
export function createFacets(changed) {
  /** Field → chosen values. @type {Map<string, Set<unknown>>} */
  let chosen = new Map();
  const body = el("div");
  const element = el("section", { class: "panel facets", hidden: true }, el("h2", {}, "Filter"), body);

  const toggle = (field, value) => {
    const values = chosen.get(field) ?? new Set();
    if (!values.delete(value)) values.add(value);
    if (values.size > 0) chosen.set(field, values);
    else chosen.delete(field);
    changed();
  };

  return {
    element,
    /** What is chosen, as the server's filter: for each field in use, one of its chosen values. */
    filter() {
      const conditions = [...chosen].map(([field, values]) => ({ field, in: [...values] }));
      return conditions.length > 0 ? { and: conditions } : undefined;
    },
    /** Takes the metadata of an answer that was not filtered. */
    show(all) {
      const counted = countValues(all);
      const groups = [...counted].filter(([, values]) => values.size >= 2 && values.size <= MOST_VALUES);
      element.hidden = groups.length === 0;
      body.replaceChildren(
        ...groups.map(([field, values]) =>
          el(
            "fieldset",
            {},
            el("legend", {}, field),
            ...[...values]
              .sort(([, a], [, b]) => b - a)
              .map(([value, number]) => {
                const input = el("input", {
                  type: "checkbox",
                  checked: chosen.get(field)?.has(value) ?? false,
                  onchange: () => toggle(field, value),
                });
                return el(
                  "label",
                  { class: "facet" },
                  input,
                  el("span", {}, String(value), " ", el("small", {}, `${number}`)),
                );
              }),
          ),
        ),
      );
    },
    clear() {
      chosen = new Map();
      for (const input of body.querySelectorAll("input")) input.checked = false;
    },
  };
}

/** Field → value → how often, of what is neither list nor object. */
function countValues(all) {
  const counted = new Map();
  for (const metadata of all) {
    for (const [field, value] of Object.entries(metadata)) {
      if (typeof value === "object" || String(value).length > 40) continue;
      const values = counted.get(field) ?? new Map();
      values.set(value, (values.get(value) ?? 0) + 1);
      counted.set(field, values);
    }
  }
  return counted;
}
