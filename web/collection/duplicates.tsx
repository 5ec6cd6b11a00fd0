// Groups of images that are nearly, or exactly, the same: one of each is kept.
import { useState } from "preact/hooks";
import type { Duplicates as Found } from "../../client/index.ts";
import { Button } from "../parts/button.tsx";
import { density } from "../parts/density.tsx";
import { Grid } from "../parts/grid.tsx";
import { Failure } from "../parts/notice.tsx";
import { count, formatBytes } from "../parts/words.ts";
import { changes, deleteImages, gone } from "../state/changes.ts";
import { useAnswer } from "../state/use-answer.ts";

/** Most groups shown. */
const SHOWN = 50;
/** Lowest score that the slider reaches. */
const LOWEST = 0.5;

type Group = Found["groups"][number];
type GroupImage = Group["images"][number];

export function Duplicates({ close }: { close(): void }) {
  /** Undefined for what the server has measured to be alike. */
  const [threshold, setThreshold] = useState<number>();
  const [shown, setShown] = useState<number>();
  const { answer, problem, isWaiting, again } = useAnswer(
    (api) => api.findDuplicates({ limit: SHOWN, ...(threshold !== undefined && { threshold }) }),
    [threshold, changes.value],
  );
  const value = shown ?? threshold ?? answer?.threshold;
  const hidden = gone.value;
  const groups = (answer?.groups ?? [])
    .map((group) => ({ ...group, images: group.images.filter(({ id }) => !hidden.has(id)) }))
    .filter(({ images }) => images.length > 1);
  const keepLargest = (some: readonly Group[]) => {
    const others = some.flatMap(({ images }) => images.filter((image) => image !== largestOf(images)));
    deleteImages(others, count(others.length, "image"));
  };
  return (
    <section class="panel duplicates" aria-labelledby="duplicates-title">
      <div class="row">
        <h2 id="duplicates-title">Near-duplicates</h2>
        <Button onClick={close}>Close</Button>
      </div>
      <div class="row">
        <label for="alike">
          Alike from a score of <output for="alike">{value?.toFixed(3) ?? "…"}</output>
        </label>
        <input
          type="range"
          id="alike"
          min={LOWEST}
          max="1"
          step="0.001"
          value={value ?? 1}
          onInput={({ currentTarget }) => setShown(Number(currentTarget.value))}
          onChange={({ currentTarget }) => setThreshold(Number(currentTarget.value))}
        />
        {threshold !== undefined && (
          <Button
            kind="link"
            onClick={() => {
              setThreshold(undefined);
              setShown(undefined);
            }}
          >
            As measured for this model
          </Button>
        )}
      </div>
      <p role="status" class="summary">
        {isWaiting ? "Comparing all images …" : answer && summaryOf(answer.total, groups.length)}
      </p>
      {problem && <Failure problem={problem} again={again} />}
      {groups.length > 1 && (
        <Button onClick={() => keepLargest(groups)}>Keep the largest of each of these groups</Button>
      )}
      {groups.map((group) => (
        <section key={group.images[0]!.id}>
          <div class="row">
            <h3>
              {group.exact ? "The same bytes" : count(group.images.length, "image")}
              {!group.exact && `, alike from ${group.similarity.toFixed(3)}`}
            </h3>
            <Button kind="link" onClick={() => keepLargest([group])}>
              Keep the largest
            </Button>
          </div>
          <Grid label="Alike" images={group.images} side={density.value} badge={sizeOf} />
        </section>
      ))}
    </section>
  );
}

const sizeOf = ({ width, height, bytes }: GroupImage) => `${width} × ${height}, ${formatBytes(bytes)}`;

/** The image with the most pixels, then bytes; of equal ones the oldest. */
function largestOf(images: readonly GroupImage[]): GroupImage {
  return images.reduce((best, image) => {
    const more = image.width * image.height - best.width * best.height || image.bytes - best.bytes;
    return more > 0 || (more === 0 && image.createdAt < best.createdAt) ? image : best;
  });
}

function summaryOf(total: number, shown: number): string {
  if (total === 0) return "None at this score.";
  return `${count(total, "group")}${total > shown ? `; the first ${shown.toLocaleString()}` : ""}`;
}
