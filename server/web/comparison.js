// The same queries before and after a swap, side by side.
import { el } from "./dom.js";
import { formatScore } from "./scores.js";
import { nameOf, thumbnail } from "./tile.js";

const QUERIES = 4;
const MATCHES = 6;

/** Searches with a few stored images while the old model still answers. Undefined where there is nothing to compare. */
export async function rememberBefore(api) {
  const { images } = await api.get("/v1/images?limit=200");
  const step = images.length / QUERIES;
  const chosen = Array.from({ length: Math.min(QUERIES, images.length) }, (_, i) => images[Math.floor(i * step)]);
  if (images.length <= MATCHES) return undefined;
  return Promise.all(chosen.map(async (image) => ({ image, answer: await searchLike(api, image) })));
}

/** Searches again and returns what shows both. */
export async function compareAfter(api, before) {
  const rows = await Promise.all(
    before.map(async ({ image, answer: old }) => {
      const now = await searchLike(api, image).catch(() => undefined);
      if (!now) return undefined; // deleted meanwhile
      return el(
        "tr",
        {},
        el("th", { scope: "row" }, thumbnail(api, image, 128), el("span", { class: "hidden" }, nameOf(image.metadata))),
        el("td", {}, matchList(api, old, now)),
        el("td", {}, matchList(api, now, old)),
      );
    }),
  );
  const [{ answer }] = before;
  const newName = (await api.get("/v1/models")).active.card.name;
  return el(
    "section",
    { class: "panel comparison" },
    el("h2", { id: "comparison-title" }, "Before and after"),
    el("p", { class: "hint" }, "The same queries under both models. What only one of them finds is framed."),
    el(
      "div",
      { class: "scroll", tabIndex: 0, role: "region", "aria-labelledby": "comparison-title" },
      el(
        "table",
        {},
        el(
          "thead",
          {},
          el(
            "tr",
            {},
            el("th", { scope: "col" }, "Query"),
            el("th", { scope: "col" }, `${answer.model.name} (generation ${answer.generation})`),
            el("th", { scope: "col" }, `${newName} (now)`),
          ),
        ),
        el("tbody", {}, ...rows.filter(Boolean)),
      ),
    ),
  );
}

function searchLike(api, { id }) {
  return api.post("/v1/search", { json: { id, k: MATCHES } });
}

function matchList(api, { matches }, other) {
  const common = new Set(other.matches.map(({ id }) => id));
  return el(
    "ol",
    { class: "matches" },
    ...matches.map((match) =>
      el(
        "li",
        { class: common.has(match.id) ? undefined : "only" },
        thumbnail(api, match, 96),
        el("small", {}, formatScore(match.score)),
      ),
    ),
  );
}
