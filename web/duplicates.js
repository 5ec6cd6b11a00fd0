// Groups of images that are nearly, or exactly, the same.
import { button, count, el, notice } from "./dom.js";
import { tile } from "./tile.js";

/** Most groups shown, and most images of a group. */
const SHOWN = 50;

/**
 * @param {{ api: any, deleteButton: (image: any, item: () => HTMLElement) => HTMLElement, close: () => void }} options
 * @returns {HTMLElement}
 */
export function showDuplicates({ api, deleteButton, close }) {
  const threshold = el("input", { type: "range", min: "0.9", max: "1", step: "0.001", id: "alike", value: "0.995" });
  const output = el("output", { htmlFor: "alike" });
  const text = el("p", { role: "status", class: "summary" });
  const groups = el("div", { class: "groups" });
  const element = el(
    "section",
    { class: "panel duplicates", "aria-labelledby": "duplicates-title" },
    el("div", { class: "row" }, el("h2", { id: "duplicates-title" }, "Near-duplicates"), button("Close", close)),
    el("div", { class: "row" }, el("label", { htmlFor: "alike" }, "Alike from a score of ", output), threshold),
    text,
    groups,
  );
  let latest = 0;

  const groupTile = (image) => {
    const item = tile(
      api,
      { ...image, metadata: {} },
      deleteButton(image, () => item),
    );
    return item;
  };

  const find = async () => {
    const mine = ++latest;
    text.textContent = "Comparing all images …";
    try {
      const answer = await api.get(`/v1/duplicates?threshold=${threshold.value}&limit=${SHOWN}`);
      if (mine !== latest) return;
      const first = answer.total > answer.groups.length ? `; the largest ${answer.groups.length}` : "";
      text.textContent = answer.total === 0 ? "None at this score." : `${count(answer.total, "group")}${first}`;
      groups.replaceChildren(
        ...answer.groups.map(({ exact, similarity, images }) =>
          el(
            "section",
            {},
            el(
              "h3",
              {},
              exact ? "The same bytes" : `${count(images.length, "image")}, alike from ${similarity.toFixed(3)}`,
            ),
            el("ul", { class: "grid small" }, ...images.slice(0, SHOWN).map(groupTile)),
          ),
        ),
      );
    } catch (error) {
      if (mine !== latest) return;
      text.textContent = "";
      groups.replaceChildren(notice(error.title ?? "The images cannot be compared", error.message));
    }
  };

  const show = () => {
    output.textContent = Number(threshold.value).toFixed(3);
  };
  threshold.addEventListener("input", show);
  threshold.addEventListener("change", find);
  show();
  void find();
  return element;
}
