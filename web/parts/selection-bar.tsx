// What can be done with the chosen images.
import { Download, ListOrdered, ScanSearch, Tag, Trash2, X } from "lucide";
import { useState } from "preact/hooks";
import { changeImages, deleteImages } from "../state/changes.ts";
import { address, go } from "../state/route.ts";
import { clearSelection, isChoosing, selected } from "../state/selection.ts";
import { patientApi, problemOf } from "../state/server.ts";
import { toast } from "../state/toasts.ts";
import { Button, IconButton } from "./button.tsx";
import { Dialog } from "./dialog.tsx";
import { useEscape } from "./grid.tsx";
import { save } from "./save.ts";
import { count, labelOf, nameOf } from "./words.ts";

/** Most images that a search takes as examples. */
const MOST_EXAMPLES = 100;

export function SelectionBar() {
  const [isTagging, setTagging] = useState(false);
  useEscape();
  const images = [...selected.value.values()];
  if (images.length === 0 && !isChoosing.value) return null;
  const ids = images.map(({ id }) => id);

  const archive = async () => {
    try {
      toast(`Packing ${count(ids.length, "image")} …`);
      save(await new Response(await patientApi.archiveImages(ids)).blob(), "images.zip");
    } catch (error) {
      toast(`Not packed: ${problemOf(error).detail}`);
    }
  };
  const list = () => {
    const lines = images.map(({ id, metadata }) => [id, nameOf(metadata), labelOf(metadata)].map(cell).join(","));
    save(new Blob([["id,name,label", ...lines, ""].join("\r\n")], { type: "text/csv" }), "images.csv");
  };
  const remove = () => {
    deleteImages(images, count(images.length, "image"));
    clearSelection();
  };
  const tag = (fields: FormData | undefined) => {
    setTagging(false);
    if (!fields) return;
    const [field, value] = ["field", "value"].map((name) => String(fields.get(name)).trim());
    void changeImages(images, { [field!]: value || null }, value ? "Tagged" : "Untagged");
    clearSelection();
  };

  return (
    <section class="selection" aria-label="Selection">
      <IconButton name="Clear the selection" icon={X} onClick={clearSelection} />
      <b role="status">{ids.length.toLocaleString()} selected</b>
      <div class="actions" hidden={ids.length === 0}>
        <Button
          icon={ScanSearch}
          disabled={ids.length > MOST_EXAMPLES}
          onClick={() => {
            clearSelection();
            go(address("search", { like: ids.join(" ") }));
          }}
        >
          Find similar
        </Button>
        <Button icon={Tag} onClick={() => setTagging(true)}>
          Tag
        </Button>
        <Button icon={Download} onClick={() => void archive()}>
          Download
        </Button>
        <Button icon={ListOrdered} onClick={list}>
          List of ids
        </Button>
        <Button icon={Trash2} onClick={remove}>
          Delete
        </Button>
      </div>
      {isTagging && (
        <Dialog title={`Tag ${count(ids.length, "image")}`} yes="Tag" answer={tag}>
          <label for="tag-field">Field</label>
          <input id="tag-field" name="field" required maxLength={200} value="label" />
          <label for="tag-value">Value; empty removes the field</label>
          <input id="tag-value" name="value" maxLength={1000} />
        </Dialog>
      )}
    </section>
  );
}

/** A cell of a CSV file (RFC 4180); what a spreadsheet would take for a formula is made text. */
function cell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
