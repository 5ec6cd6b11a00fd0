// A filter by metadata: check boxes for the values among the matches. The server applies it to all images.
import { el } from "./dom.js";

/** A field with more distinct values than this gets no check boxes. */
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
    /** The server's filter for what is chosen: each field must have one of its chosen values. */
    filter() {
      const conditions = [...chosen].map(([field, values]) => ({ field, in: [...values] }));
      return conditions.length > 0 ? { and: conditions } : undefined;
    },
    /** Shows the values in the metadata of an unfiltered answer. */
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

/** Counts: field → value → how often; lists, objects and long values are left out. */
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
