// The view of the collection: add, browse and delete images.
import { createDeletions } from "./deletions.js";
import { button, count, el, notice } from "./dom.js";
import { showDuplicates } from "./duplicates.js";
import { pickImages } from "./given-images.js";
import { nameOf, tile } from "./tile.js";
import { showUpload } from "./uploads.js";

const PAGE = 100;

export function createCollectionView({ api, toast }) {
  let cursor;
  let loading = false;
  let isStale = true;
  /** Ids in the grid. An upload adds its images to it, and a later page may bring them again. */
  const ids = new Set();

  const grid = el("ul", { class: "grid small", "aria-label": "Stored images" });
  const uploads = el("div");
  const duplicates = el("div");
  const message = el("div");
  const summary = el("p", { class: "summary", role: "status" });
  const more = button("Load more", () => load(), { hidden: true });
  const add = async (options) => upload(await pickImages({ multiple: true, ...options }));
  const element = el(
    "div",
    { class: "collection" },
    el(
      "div",
      { class: "row heading" },
      el("div", {}, el("h1", {}, "Collection"), summary),
      el(
        "div",
        { class: "actions" },
        button("Add images", () => add(), { kind: "primary" }),
        button("Add a folder", () => add({ folder: true })),
        button("Near-duplicates", findDuplicates),
      ),
    ),
    uploads,
    duplicates,
    message,
    grid,
    el("div", { class: "more" }, more),
  );

  const deletions = createDeletions({
    api,
    toast,
    failed(_id, error) {
      toast(`Not deleted: ${error.message}`);
      void reload();
    },
  });

  new IntersectionObserver(([entry]) => entry.isIntersecting && load(), { rootMargin: "800px" }).observe(more);

  /** A button that hides all tiles of an image; the server deletes it once it can no longer be undone. */
  const deleteButton = (image, item) => {
    const name = nameOf(image.metadata ?? {});
    const remove = () => {
      const next = item().nextElementSibling ?? item().previousElementSibling;
      const gone = [...element.querySelectorAll(`[data-id="${image.id}"]`)];
      for (const tile of gone) tile.hidden = true;
      ids.delete(image.id);
      describe();
      next?.querySelector("button")?.focus();
      deletions.begin(image.id, name, () => {
        for (const tile of gone) tile.hidden = false;
        ids.add(image.id);
        describe();
      });
    };
    return button(`Delete ${name || "this image"}`, remove, { icon: "×" });
  };

  const imageTile = (image) => {
    const item = tile(
      api,
      image,
      deleteButton(image, () => item),
    );
    if (image.duplicateOf) item.append(el("span", { class: "badge" }, "same bytes as an older one"));
    ids.add(image.id);
    return item;
  };

  const describe = () => {
    const shown = ids.size;
    summary.textContent =
      shown === 0
        ? ""
        : `${cursor ? `The newest ${count(shown, "image")}` : count(shown, "image")}. Select one to find similar ones.`;
    const isEmpty = shown === 0 && !cursor && !loading;
    message.replaceChildren(...(isEmpty ? [howToBegin()] : []));
  };

  async function load() {
    if (loading) return;
    loading = true;
    try {
      const { images, nextCursor } = await api.get(`/v1/images?limit=${PAGE}${cursor ? `&cursor=${cursor}` : ""}`);
      cursor = nextCursor;
      const fresh = images.filter(({ id }) => !ids.has(id) && !deletions.has(id));
      grid.append(...fresh.map(imageTile));
      more.hidden = !cursor;
      loading = false;
      describe();
      // On a page that is still short, the observer does not fire again.
      if (cursor && more.getBoundingClientRect().top < window.innerHeight + 800 && element.isConnected) void load();
    } catch (error) {
      const again = button("Try again", () => load(), { kind: "primary" });
      message.replaceChildren(notice(error.title ?? "The collection cannot be read", error.message, again));
    } finally {
      loading = false;
    }
  }

  const reload = () => {
    ids.clear();
    cursor = undefined;
    grid.replaceChildren();
    return load();
  };

  function findDuplicates() {
    const close = () => duplicates.replaceChildren();
    duplicates.replaceChildren(showDuplicates({ api, deleteButton, close }));
  }

  /** @param {File[]} files */
  function upload(files) {
    if (files.length === 0) return;
    message.replaceChildren();
    const stored = (image) => {
      if (ids.has(image.id)) return;
      grid.prepend(imageTile(image));
      describe();
    };
    uploads.prepend(showUpload(api, files, { stored }));
  }

  return {
    element,
    upload,
    show() {
      if (isStale) void reload();
      isStale = false;
    },
    hide() {
      isStale = ids.size <= PAGE; // someone who has scrolled far keeps their place
    },
  };
}

function howToBegin() {
  return notice(
    "No images yet",
    el(
      "span",
      {},
      "Drop images or a folder anywhere on this page. To try it with pictures of clothes, add the folder ",
      el("code", {}, "samples/collection"),
      " of moco-search: its sub-folders become labels.",
    ),
  );
}
