// The page: shows the view that the address names, and makes what all views share.
import { createApi } from "./api.js";
import { createCollectionView } from "./collection-view.js";
import { onImagesGiven } from "./given-images.js";
import { askForKey } from "./key-dialog.js";
import { createMapView } from "./map-view.js";
import { createModelsView } from "./models-view.js";
import { createSearchView } from "./search-view.js";
import { createStatus } from "./status.js";
import { createToasts } from "./toasts.js";

const status = createStatus(document.querySelector("#status"), document.querySelector("#banner"));
const api = createApi({ askForKey, answered: status.answered, failed: status.failed });
const toast = createToasts(document.querySelector("#toasts"));
const main = document.querySelector("#main");

/** What every view gets. */
const page = {
  api,
  toast,
  status,
  /** Shows an address such as "#/search?id=…". */
  go: (hash) => {
    location.hash = hash;
  },
  /** Searches with an image file. */
  searchFile: (file) => {
    views.search.searchFile(file);
    if (location.hash !== "#/search") history.pushState(undefined, "", "#/search");
    show();
  },
};

const views = {
  search: createSearchView(page),
  collection: createCollectionView(page),
  map: createMapView(page),
  models: createModelsView(page),
};

let shown;

function show() {
  const [, name, query] = /^#\/(\w+)(?:\?(.*))?$/.exec(location.hash) ?? [];
  if (location.hash && !name) return; // an anchor on the page
  const view = Object.hasOwn(views, name ?? "search") ? (name ?? "search") : "search";
  if (shown !== view) {
    if (shown) views[shown].hide?.();
    main.replaceChildren(views[view].element);
    window.scrollTo(0, 0);
    for (const link of document.querySelectorAll("nav a")) {
      if (link.getAttribute("href") === `#/${view}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${view[0].toUpperCase()}${view.slice(1)} · moco-search`;
  }
  shown = view;
  views[view].show(new URLSearchParams(query));
}

window.addEventListener("hashchange", show);
onImagesGiven({
  overlay: document.querySelector("#drop"),
  hint: () => (shown === "collection" ? "Drop to add to the collection" : "Drop to find similar images"),
  given: (files) => {
    if (shown === "collection") views.collection.upload(files);
    else page.searchFile(files[0]);
  },
});
show();
status.watch();
