// The page: what all views share, and the view that the address names.
import { useEffect } from "preact/hooks";
import { CollectionView } from "./collection/collection-view.tsx";
import { addFiles } from "./collection/uploads.ts";
import { MapView } from "./map/map-view.tsx";
import { ModelsView } from "./models/models-view.tsx";
import { DropZone } from "./parts/drop-zone.tsx";
import { KeyDialog } from "./parts/key-dialog.tsx";
import { SelectionBar } from "./parts/selection-bar.tsx";
import { searchWithFile } from "./search/question.ts";
import { SearchView } from "./search/search-view.tsx";
import { address, route, VIEWS, type ViewName, watchAddress } from "./state/route.ts";
import { clearSelection } from "./state/selection.ts";
import { connection, served, watchServer } from "./state/server.ts";
import { toasts } from "./state/toasts.ts";
import { TrainingsView } from "./trainings/trainings-view.tsx";

const NAMES: Readonly<Record<ViewName, string>> = {
  search: "Search",
  collection: "Collection",
  map: "Map",
  trainings: "Trainings",
  models: "Models",
};

const COMPONENTS = {
  search: SearchView,
  collection: CollectionView,
  map: MapView,
  trainings: TrainingsView,
  models: ModelsView,
};

export function App() {
  useEffect(watchServer, []);
  useEffect(watchAddress, []);
  const { view } = route.value;
  const View = COMPONENTS[view];
  useEffect(() => {
    document.title = `${NAMES[view]} · moco-search`;
    clearSelection();
  }, [view]);
  const given = (files: File[]) => {
    if (view === "collection") addFiles(files);
    else if (files.length === 1) void searchWithFile(files[0]!);
    else {
      addFiles(files);
      location.hash = address("collection");
    }
  };
  return (
    <>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <Header view={view} />
      <Banner />
      <main id="main" tabIndex={-1}>
        <View />
      </main>
      <SelectionBar />
      <Toasts />
      <KeyDialog />
      <DropZone
        hint={(files) =>
          view === "collection" || files > 1 ? "Drop to add to the collection" : "Drop to find similar images"
        }
        given={given}
      />
    </>
  );
}

function Header({ view }: { readonly view: ViewName }) {
  const { state } = connection.value;
  const model = served.value;
  const title = model && `Model "${model.name}", generation ${model.generation}`;
  return (
    <header class="top">
      <a class="brand" href={address("search")}>
        <img src={new URL("./icon.svg", import.meta.url).href} alt="" width="26" height="26" />
        moco-search
      </a>
      <nav aria-label="Main">
        {VIEWS.map((name) => (
          <a key={name} href={address(name)} aria-current={name === view ? "page" : undefined}>
            {NAMES[name]}
          </a>
        ))}
      </nav>
      <a class="chip" id="status" href={address("models")} data-state={state} title={title} aria-live="polite">
        {model?.name ?? (state === "ready" ? "Ready" : "Connecting …")}
      </a>
    </header>
  );
}

/** Says that the server does not answer, as long as it does not. */
function Banner() {
  const { state, reason } = connection.value;
  return (
    <div id="banner" role="alert" hidden={state !== "down"}>
      {state === "down" && reason}
    </div>
  );
}

function Toasts() {
  return (
    <div id="toasts" role="status" aria-live="polite">
      {toasts.value.map((toast) => (
        <div class="toast" key={toast}>
          <span>{toast.text}</span>
          {toast.action && (
            <button type="button" onClick={toast.action.run}>
              {toast.action.label}
            </button>
          )}
        </div>
      ))}
    </div>
  );
}
