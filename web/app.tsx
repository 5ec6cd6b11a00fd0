// The page below its header: what all views share, and the view that the address names.
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
import { address, route, watchAddress } from "./state/route.ts";
import { clearSelection } from "./state/selection.ts";
import { connection, watchServer } from "./state/server.ts";
import { toasts } from "./state/toasts.ts";
import { TrainingsView } from "./trainings/trainings-view.tsx";

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
  useEffect(clearSelection, [view]);
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
