// moco-search index: uploads folders of images to a running server, without those that the server has already. So it
// can be interrupted and run again, from any folder.
//
//   moco-search index photos/
import { Command } from "commander";
import pMap from "p-map";
import type { Client } from "../../client/index.ts";
import { AppError, type ErrorCode } from "../../core/errors.ts";
import { describeLeftOut, type FoundFile, type LeftOut, labelOf } from "../../core/find-images.ts";
import { sha256 } from "../../core/hash.ts";
import { findImageFiles, nameEach, readImageFile } from "../image-files.ts";
import { jsonObject } from "../json-argument.ts";
import { positiveInteger } from "../numbers.ts";
import { showProgress } from "../progress.ts";
import { connect, type ServerFlags, serverOptions } from "../server-options.ts";

interface Flags extends ServerFlags {
  readonly concurrency: number;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly json?: true;
}

/** What was done with each file. */
interface IndexSummary {
  readonly uploaded: number;
  /** Files whose bytes the server had already: from an earlier run, or from a copy of the file. */
  readonly skipped: number;
  readonly failed: ReadonlyArray<{ readonly file: string; readonly code: ErrorCode; readonly detail: string }>;
  readonly leftOut: readonly LeftOut[];
}

/** Number of files that the server is asked about at a time. */
const CHUNK = 200;

/** `moco-search index`. */
export const command = new Command("index")
  .description(
    "Uploads image files and folders of them (searched recursively) to a running server, and leaves out what the server has already: run it again to go on after an interruption or to add what is new. Each image's metadata gets its name, its path below the folder that is given, and as label the name of the folder that it is in.",
  )
  .argument("<images...>", "image files or folders of them")
  .option("--metadata <json>", "more metadata of every image, as a JSON object", jsonObject('{"source":"archive"}'), {})
  .option("--concurrency <number>", "uploads at a time", positiveInteger, 8)
  .option("--json", "print the summary as one line of JSON")
  .addHelpText("after", `\nExample:\n  $ moco-search index photos/ --metadata '{"source":"archive"}'`);
for (const option of serverOptions()) command.addOption(option);
command.action(async (images: string[], { concurrency, metadata, json, ...server }: Flags) => {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const { files, leftOut } = findImageFiles(images);
  const progress = showProgress("uploading", "images");
  const outcome = await uploadMissing(files, connect(server), {
    concurrency,
    metadata,
    signal: stop.signal,
    onProgress: progress.update,
  }).finally(progress.stop);
  const summary: IndexSummary = { ...outcome, leftOut };
  if (json) console.log(JSON.stringify(summary));
  else {
    const { uploaded, skipped, failed } = summary;
    console.log(
      `${files.length + leftOut.length} entries: ${uploaded} uploaded, ${skipped} stored before, ${failed.length} failed, ${describeLeftOut(leftOut)}.`,
    );
    nameEach(failed.map(({ file, detail }) => ({ name: file, reason: detail })));
    nameEach(leftOut);
  }
  if (stop.signal.aborted) process.exitCode = 130;
  else if (summary.failed.length > 0) process.exitCode = 1;
});

/** Uploads the files whose bytes the server does not have. */
async function uploadMissing(
  files: readonly FoundFile[],
  client: Client,
  {
    concurrency,
    metadata,
    signal,
    onProgress,
  }: Pick<Flags, "concurrency" | "metadata"> & {
    readonly signal: AbortSignal;
    readonly onProgress: (done: number, total: number) => void;
  },
): Promise<Omit<IndexSummary, "leftOut">> {
  const failed: Array<IndexSummary["failed"][number]> = [];
  const uploads = new Map<string, Promise<unknown>>();
  let uploaded = 0;
  let skipped = 0;
  const each = (some: readonly FoundFile[], work: (file: FoundFile) => Promise<void>) =>
    pMap(
      some,
      async (file) => {
        if (signal.aborted) return;
        await work(file).catch((error) => failed.push({ file: file.path, ...asFailure(error) }));
        onProgress(uploaded + skipped + failed.length, files.length);
      },
      { concurrency },
    );

  const send = async ({ path, name }: FoundFile) => {
    const image = await readImageFile(path);
    const label = labelOf(name);
    return client.storeImages([image], {
      metadata: { name: image.name, path: name, ...(label && { label }), ...metadata },
    });
  };

  for (let i = 0; i < files.length && !signal.aborted; i += CHUNK) {
    const hashes = new Map<FoundFile, string>();
    await each(files.slice(i, i + CHUNK), async (file) => {
      hashes.set(file, sha256((await readImageFile(file.path)).bytes));
    });
    const asked = [...new Set(hashes.values())];
    const stored = new Set(asked.length === 0 ? [] : await client.knownImages(asked));
    await each([...hashes.keys()], async (file) => {
      const hash = hashes.get(file)!;
      const copy = uploads.get(hash);
      if (stored.has(hash) || copy) {
        await copy; // fails if that upload does
        return void skipped++;
      }
      const upload = send(file);
      uploads.set(hash, upload);
      await upload;
      uploaded++;
    });
  }
  return { uploaded, skipped, failed };
}

/** The failure of one file. Throws errors that would fail all other files too, as when the server is gone. */
function asFailure(error: unknown): { code: ErrorCode; detail: string } {
  if (!(error instanceof AppError)) throw error;
  if (["not_ready", "unauthorized", "forbidden", "storage_full"].includes(error.code)) throw error;
  return { code: error.code, detail: error.message };
}
