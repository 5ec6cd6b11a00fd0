// The start of a search: choose an image file or one of the stored images.
import { button, el, notice } from "./dom.js";
import { thumbnail } from "./tile.js";

const SHOWN = 60;

/** How to fill an empty collection. */
export function emptyCollection() {
  return notice(
    "The collection is empty",
    "Add your own images, or the samples that come with moco-search: 2,000 small pictures of clothes in its folder samples/collection.",
    el("a", { class: "button primary", href: "#/collection" }, "Add images"),
  );
}

export function createStartScreen({ api, pick }) {
  const ideas = el("div", { class: "ideas" });
  const element = el(
    "div",
    { class: "start" },
    el(
      "section",
      { class: "hero" },
      el("h1", {}, "Find images that look alike"),
      el(
        "p",
        {},
        "Drop an image anywhere, paste one, or choose a file. It is compared with your collection and not kept.",
      ),
      button("Choose an image", pick, { kind: "primary large" }),
    ),
    ideas,
  );
  return {
    element,
    async show() {
      let images;
      try {
        ({ images } = await api.get(`/v1/images?limit=${SHOWN}`));
      } catch (error) {
        ideas.replaceChildren(notice(error.title ?? "The collection cannot be read", error.message));
        return;
      }
      if (images.length === 0) {
        ideas.replaceChildren(emptyCollection());
        return;
      }
      ideas.replaceChildren(
        el("h2", {}, "Or start with one of yours"),
        el(
          "ul",
          { class: "wall" },
          ...images.map((image) =>
            el(
              "li",
              {},
              el(
                "a",
                { href: `#/search?id=${encodeURIComponent(image.id)}`, class: "picture" },
                thumbnail(api, image, 160),
              ),
            ),
          ),
        ),
      );
    },
  };
}
