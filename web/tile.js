// One stored image in a grid.
import { el } from "./dom.js";
import { formatScore } from "./scores.js";

/** The metadata value that serves best as an image's name; "" if there is none. */
export function nameOf(metadata) {
  for (const field of ["label", "title", "name", "folder"]) {
    if (typeof metadata[field] === "string" && metadata[field]) return metadata[field];
  }
  return Object.values(metadata).find((value) => typeof value === "string" && value) ?? "";
}

/** Longest side up to which images are enlarged without smoothing, pixels. */
const SMALL = 64;

/** The thumbnail of a stored image. */
export function thumbnail(api, { id, metadata = {} }, size = 256) {
  const img = el("img", { alt: nameOf(metadata) || "stored image", loading: "lazy", decoding: "async" });
  img.addEventListener("load", () => {
    img.classList.toggle("pixels", Math.max(img.naturalWidth, img.naturalHeight) <= SMALL);
    img.classList.add("loaded");
  });
  void api.showImage(img, id, size);
  return img;
}

/**
 * A tile that searches for what is similar to it.
 *
 * @param {{ id: string, score?: number, metadata: Record<string, unknown> }} image
 * @param {...Node} actions Buttons over the image.
 */
export function tile(api, image, ...actions) {
  const name = nameOf(image.metadata);
  const score = image.score === undefined ? undefined : formatScore(image.score);
  const details = Object.entries(image.metadata).map(
    ([field, value]) => `${field}: ${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  const caption = el(
    "span",
    { class: "caption", title: details.join("\n") || undefined },
    score && el("b", { class: "score" }, score),
    el("span", { class: "name" }, name || (score ? "" : "untitled")),
  );
  const label = [`Find images similar to ${name || "this one"}`, score && `score ${score}`].filter(Boolean).join(", ");
  const link = el(
    "a",
    { href: `#/search?id=${encodeURIComponent(image.id)}`, class: "picture", "aria-label": label },
    thumbnail(api, image),
  );
  return el(
    "li",
    { class: "tile", "data-id": image.id },
    link,
    actions.length > 0 && el("div", { class: "tile-actions" }, ...actions),
    caption,
  );
}
