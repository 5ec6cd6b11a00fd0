// Contents whose stored files a swap cannot read, named by their images.
import { AppError } from "../../core/errors.ts";
import type { ModelCard } from "../../core/model-card.ts";
import type { Content } from "../domain/content.ts";
import type { SwapReport } from "../domain/swap.ts";
import type { Catalogue } from "../storage/ports.ts";

/** Most images that a report and a message name. */
const REPORTED = 100;
const NAMED = 5;

/** The report's entry about skipped contents; undefined if there are none. */
export async function reportOfSkipped(
  skipped: ReadonlySet<number>,
  catalogue: Catalogue,
): Promise<SwapReport["skipped"]> {
  if (skipped.size === 0) return undefined;
  return { contents: skipped.size, images: (await imagesWith(skipped, catalogue)).slice(0, REPORTED) };
}

/** A content whose stored file is missing or damaged, or, as `why` says, cannot be decoded. */
export interface DamagedContent extends Pick<Content, "number"> {
  readonly why?: string;
}

/** The error of a swap that cannot read or decode these contents. */
export async function damagedFiles(
  contents: readonly DamagedContent[],
  { name }: ModelCard,
  catalogue: Catalogue,
): Promise<AppError> {
  const images = await imagesWith(
    contents.map(({ number }) => number),
    catalogue,
  );
  const named = [...images.slice(0, NAMED), ...(images.length > NAMED ? ["…"] : [])].join(", ");
  const why = contents.find((content) => content.why !== undefined)?.why;
  const problem =
    why === undefined
      ? `are missing or damaged: ${named}. Send the same files again, or activate it without such images (--skip-damaged); moco-search check lists all of them.`
      : `cannot be decoded: ${named}. ${why} Delete them, or activate it without such images (--skip-damaged).`;
  return new AppError("file_damaged", `Model "${name}" was not activated: the stored files of these images ${problem}`);
}

/** Ids of the images that have these contents. */
async function imagesWith(contents: Iterable<number>, catalogue: Catalogue): Promise<string[]> {
  const images = await catalogue.images.withContents(contents);
  return [...images.values()].flat().map(({ id }) => id);
}
