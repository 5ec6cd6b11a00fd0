// moco-search index: folders of images into a running server. Can be interrupted and run again: what was stored before
// is skipped, and an upload whose answer was lost is not stored twice.
//
//   moco-search index photos/
import { appendFile, mkdir, readFile } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { Command } from "commander";
import { AppError, hasErrno } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import { type Client, createClient, type ServerFlags, serverOptions } from "../client.ts";
import { findImages } from "../image-paths.ts";
import { positive } from "../numbers.ts";
import { showProgress } from "../progress.ts";

interface Flags extends ServerFlags {
  readonly concurrency: number;
  readonly state: string;
  readonly json?: true;
}

/** What became of all files. */
export interface IndexSummary {
  readonly uploaded: number;
  /** Stored by an earlier run. */
  readonly skipped: number;
  readonly failed: ReadonlyArray<{ readonly file: string; readonly code: string; readonly detail: string }>;
}

/** `moco-search index`. */
export const command = new Command("index")
  .description(
    "Uploads image files and folders of them (searched recursively) to a running server. Each image's metadata gets its path. Run the command again to go on after an interruption or to add what is new.",
  )
  .argument("<images...>", "image files or folders of them")
  .option("--concurrency <number>", "uploads at a time", positive, 8)
  .option("--state <folder>", "where it is noted what is stored already", ".moco-search")
  .option("--json", "print the summary as one line of JSON")
  .addHelpText("after", "\nExample:\n  $ moco-search index photos/");
for (const option of serverOptions()) command.addOption(option);
command.action(async (images: string[], { server, key, concurrency, state, json }: Flags) => {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const progress = showProgress("uploading", "images");
  const summary = await upload(await findImages(images), {
    client: createClient(server, key),
    stateFile: join(state, `${sha256(new URL(server).href).slice(0, 16)}.stored`),
    concurrency,
    signal: stop.signal,
    onProgress: progress.update,
  }).finally(progress.stop);
  if (json) console.log(JSON.stringify(summary));
  else {
    const { uploaded, skipped, failed } = summary;
    console.log(`${uploaded} uploaded, ${skipped} stored before, ${failed.length} failed.`);
    for (const { file, detail } of failed.slice(0, 20)) console.error(`  ${file}: ${detail}`);
    if (failed.length > 20) console.error(`  and ${failed.length - 20} more`);
  }
  if (stop.signal.aborted) process.exitCode = 130;
  else if (summary.failed.length > 0) process.exitCode = 1;
});

/** Uploads files, `concurrency` at a time, but for those that the state file names. */
async function upload(
  files: readonly string[],
  {
    client,
    stateFile,
    concurrency,
    signal,
    onProgress,
  }: {
    client: Client;
    stateFile: string;
    concurrency: number;
    signal: AbortSignal;
    onProgress: (done: number, total: number) => void;
  },
): Promise<IndexSummary> {
  const stored = await readStored(stateFile);
  const failed: Array<IndexSummary["failed"][number]> = [];
  let uploaded = 0;
  let skipped = 0;
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let file = files[next++]; file !== undefined && !signal.aborted; file = files[next++]) {
      try {
        const bytes = await readFile(file);
        const name = sha256(`${resolve(file)}\n${sha256(bytes)}`);
        if (stored.has(name)) skipped++;
        else {
          await client.upload([{ name: basename(file), bytes }], { path: file }, name);
          await appendFile(stateFile, `${name}\n`);
          uploaded++;
        }
      } catch (error) {
        // Where the server is gone or refuses all, the other files would fail too.
        if (
          error instanceof AppError &&
          ["not_ready", "unauthorized", "forbidden", "storage_full"].includes(error.code)
        ) {
          next = files.length;
          throw error;
        }
        const code = error instanceof AppError ? error.code : "internal";
        failed.push({ file, code, detail: error instanceof Error ? error.message : String(error) });
      }
      onProgress(uploaded + skipped + failed.length, files.length);
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: concurrency }, lane));
  const gone = lanes.find((lane) => lane.status === "rejected");
  if (gone) throw gone.reason;
  return { uploaded, skipped, failed };
}

/** One line for each file that is stored: SHA-256 of its path and bytes. */
async function readStored(stateFile: string): Promise<Set<string>> {
  await mkdir(join(stateFile, ".."), { recursive: true });
  const text = await readFile(stateFile, "utf8").catch((error) => {
    if (hasErrno(error, "ENOENT")) return "";
    throw error;
  });
  return new Set(text.split("\n"));
}
