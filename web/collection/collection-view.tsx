// The collection: add, browse, narrow and act on images.
import { useState } from "preact/hooks";
import { Button } from "../parts/button.tsx";
import { Density, density } from "../parts/density.tsx";
import { Filters } from "../parts/filters.tsx";
import { pickImages } from "../parts/given-files.ts";
import { Grid } from "../parts/grid.tsx";
import { Failure, Notice } from "../parts/notice.tsx";
import { count } from "../parts/words.ts";
import { gone } from "../state/changes.ts";
import { isChoosing } from "../state/selection.ts";
import { Duplicates } from "./duplicates.tsx";
import { list, listed, listing, more, problem, reload, total } from "./images.ts";
import { UploadPanels } from "./upload-panels.tsx";
import { addFiles } from "./uploads.ts";

export function CollectionView() {
  const [isComparing, setComparing] = useState(false);
  const { order, filter } = listing.value;
  const add = async (options: { folder?: boolean }) => addFiles(await pickImages({ multiple: true, ...options }));
  const number = (total.value ?? 0) - gone.value.size;
  return (
    <div class="collection">
      <div class="row heading">
        <div>
          <h1>Collection</h1>
          <p class="summary" role="status">
            {total.value !== undefined && number > 0 && `${count(number, "image")}${filter ? " that fit" : ""}`}
          </p>
        </div>
        <div class="actions">
          <Button kind="primary" onClick={() => void add({})}>
            Add images
          </Button>
          <Button onClick={() => void add({ folder: true })}>Add a folder</Button>
          <Button onClick={() => setComparing(!isComparing)}>Near-duplicates</Button>
        </div>
      </div>
      <UploadPanels />
      {isComparing && <Duplicates close={() => setComparing(false)} />}
      <div class="row tools">
        <details open={filter !== undefined}>
          <summary>Filter</summary>
          <Filters filter={filter} changed={(next) => list({ filter: next })} />
        </details>
        <label>
          Order{" "}
          <select
            value={order}
            onChange={({ currentTarget }) => list({ order: currentTarget.value === "oldest" ? "oldest" : "newest" })}
          >
            <option value="newest">newest first</option>
            <option value="oldest">oldest first</option>
          </select>
        </label>
        <Button
          onClick={() => {
            isChoosing.value = true;
          }}
        >
          Select
        </Button>
        <Density />
      </div>
      {problem.value && <Failure problem={problem.value} again={reload} />}
      {total.value === 0 && (filter ? <NothingFits /> : <HowToBegin />)}
      <Grid
        label="Stored images"
        images={listed.value}
        side={density.value}
        badge={({ duplicateOf }) => (duplicateOf ? "same bytes as an older one" : undefined)}
        onEnd={more}
      />
    </div>
  );
}

function NothingFits() {
  return (
    <Notice title="No image fits" text="The filter leaves all of them out.">
      <Button onClick={() => list({ filter: undefined })}>Show all</Button>
    </Notice>
  );
}

function HowToBegin() {
  return (
    <Notice
      title="No images yet"
      text={
        <>
          Drop images or a folder anywhere on this page; names of folders become labels. Or run{" "}
          <code>moco-search demo</code> for 2,000 pictures of clothes.
        </>
      }
    />
  );
}
