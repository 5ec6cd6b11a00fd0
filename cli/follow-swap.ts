// Follows a swap to its end, or until it waits for approval: what the commands about swaps share.
import { awaitsApproval, type Client, type SwapView } from "../client/index.ts";
import { AppError } from "../core/errors.ts";
import { percent } from "../core/percent.ts";
import { showProgress } from "./progress.ts";

/**
 * Follows a swap until it has ended or waits for approval, and prints the outcome and what the gate found.
 *
 * @throws AppError with the server's reason where the swap failed, `invalid_model` where it was cancelled. The model
 *   from before then still answers.
 */
export async function followSwap(
  client: Client,
  begun: SwapView,
  { json }: { json?: true | undefined },
): Promise<void> {
  const progress = showProgress("re-embedding", "images");
  let swap = begun;
  let state = "";
  for await (swap of client.followSwap(begun.id)) {
    if (swap.state !== state) progress.say(swap.state);
    state = swap.state;
    if (awaitsApproval(swap)) break;
    if (swap.progress && swap.state === "backfilling") progress.update(swap.progress.done, swap.progress.total);
  }
  progress.stop();
  if (json) console.log(JSON.stringify(swap));
  else if (swap.report) console.log(describeReport(swap.report));
  if (swap.state === "failed" || swap.state === "cancelled") {
    const { code, detail } = swap.error ?? {};
    throw new AppError(code ?? "invalid_model", detail ?? `The swap was ${swap.state}; nothing has changed.`);
  }
  if (json) return;
  if (awaitsApproval(swap)) {
    console.log(
      `"${swap.model.name}" waits for your word; the model before answers until then, and uploads go to both.`,
    );
    console.log("Let it answer:  moco-search approve\nDrop it:        moco-search discard");
  } else console.log(`"${swap.model.name}" answers now.`);
}

/**
 * The id of the swap that waits for approval.
 *
 * @param id The swap that must be the one; undefined for the running swap.
 * @throws AppError `not_in_review` where it does not wait.
 */
export async function swapInReview(client: Client, id: string | undefined): Promise<string> {
  const { swap } = id === undefined ? await client.listModels() : { swap: await client.getSwap(id) };
  if (swap && awaitsApproval(swap)) return swap.id;
  const why = swap ? `swap ${swap.id} is ${swap.state}` : "no swap runs";
  throw new AppError("not_in_review", `Expected a swap that waits for approval but ${why}.`);
}

/** What the gate found, in a few lines. */
export function describeReport({
  contents,
  recallAt10,
  comparison,
  skipped,
  warnings = [],
}: NonNullable<SwapView["report"]>): string {
  const lines = [`${contents} images; the index finds ${percent(recallAt10)} of the 10 nearest.`];
  if (skipped) {
    lines.push(
      `${skipped.contents} left out, as their files are missing, damaged or cannot be decoded: ${skipped.images.join(", ")}.`,
    );
  }
  if (!comparison) return lines.join("\n");
  const { neighbours, scores, retrieval, views } = comparison;
  lines.push(`${percent(neighbours.overlapAt10)} of the 10 nearest are the same as before.`);
  const changed = neighbours.changedMost.slice(0, 3).map(({ id, overlapAt10 }) => `${id} (${percent(overlapAt10)})`);
  if (changed.length > 0) lines.push(`Changed most: ${changed.join(", ")}.`);
  if (scores) {
    const { before, after } = scores;
    lines.push(
      `Score of two random images ${change(before.random.p50, after.random.p50)}, of nearest ones ${change(before.nearest.p50, after.nearest.p50)} (medians).`,
      `Images are alike from a score of ${change(before.threshold, after.threshold)} on.`,
    );
  }
  if (retrieval) {
    const { key, images, before, after } = retrieval;
    lines.push(`Mean average precision on the ${images} images that "${key}" groups: ${change(before, after)}.`);
  }
  if (views) {
    const { images, before, after, pixels } = views;
    lines.push(
      `The other crop of an image is found first for ${percent(before)} → ${percent(after)} of ${images}; by comparing pixels for ${percent(pixels)}.`,
    );
  }
  lines.push(...warnings.map((warning) => `Attention: ${warning}`));
  return lines.join("\n");
}

const change = (before: number, after: number) => `${before.toFixed(3)} → ${after.toFixed(3)}`;
