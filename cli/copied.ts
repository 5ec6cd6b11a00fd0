// What `backup` and `restore` say at their end.
import { AppError } from "../core/errors.ts";
import type { CopyReport } from "../server/index.ts";

/** Images that a message names. */
const NAMED = 10;

/**
 * Prints what was copied.
 *
 * @throws AppError `file_damaged` where some of it was missing or damaged: the rest was copied.
 */
export function sayCopied(report: CopyReport, { json, headline }: { json: true | undefined; headline: string }): void {
  const { images, contents, bytes, damagedImages, damagedModels } = report;
  if (json) console.log(JSON.stringify(report));
  else console.log(`${headline}: ${images} images in ${contents} files, ${(bytes / 1e6).toFixed(1)} MB.`);
  const problems = [
    ...(damagedImages.length > 0 ? [`the files of ${damagedImages.length} images (${some(damagedImages)})`] : []),
    ...(damagedModels.length > 0 ? [`the encoders of the models ${damagedModels.join(", ")}`] : []),
  ];
  if (problems.length === 0) return;
  throw new AppError(
    "file_damaged",
    `Everything was copied but ${problems.join(" and ")}, which are missing or damaged where they were copied from. See: moco-search check`,
  );
}

const some = (ids: readonly string[]) => [...ids.slice(0, NAMED), ...(ids.length > NAMED ? ["…"] : [])].join(", ");
