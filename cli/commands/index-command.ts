// moco-search index: uploads images of folders and buckets to a running server, without those that the server has
// already. So it can be interrupted and run again, from any folder.
//
//   moco-search index photos/ s3://bucket/photos
import { posix } from "node:path";
import { Command } from "commander";
import pMap from "p-map";
import type { Client } from "../../client/index.ts";
import { AppError, type ErrorCode } from "../../core/errors.ts";
import { describeLeftOut, type LeftOut, labelOf } from "../../core/find-images.ts";
import { sha256 } from "../../core/hash.ts";
import { nameEach } from "../image-files.ts";
import { type ImageSource, openImageSources } from "../image-sources.ts";
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

/** Number of images that the server is asked about at a time. */
const CHUNK = 200;
/** Bytes of them that are kept until the server has said; what is beyond is read again. */
const KEPT_BYTES = 64 * 2 ** 20;

/** `moco-search index`. */
export const command = new Command("index")
  .description(
    "Uploads image files, folders of them (searched recursively) and parts of a bucket to a running server, and leaves out what the server has already: run it again to go on after an interruption or to add what is new. Each image's metadata gets its name, its path below the folder that is given, and as label the name of the folder that it is in. Behind a load balancer all servers share the work.",
  )
  .argument("<images...>", "image files, folders of them, or s3://bucket/prefix (keys from the environment)")
  .option("--metadata <json>", "more metadata of every image, as a JSON object", jsonObject('{"source":"archive"}'), {})
  .option("--concurrency <number>", "uploads at a time", positiveInteger, 8)
  .option("--json", "print the summary as one line of JSON")
  .addHelpText("after", `\nExample:\n  $ moco-search index photos/ --metadata '{"source":"archive"}'`);
for (const option of serverOptions()) command.addOption(option);
command.action(async (places: string[], { concurrency, metadata, json, ...server }: Flags) => {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const { images, leftOut, close } = await openImageSources(places);
  const progress = showProgress("uploading", "images");
  const outcome = await uploadMissing(images, connect(server), {
    concurrency,
    metadata,
    signal: stop.signal,
    onProgress: progress.update,
  }).finally(() => {
    progress.stop();
    close();
  });
  const summary: IndexSummary = { ...outcome, leftOut };
  if (json) console.log(JSON.stringify(summary));
  else {
    const { uploaded, skipped, failed } = summary;
    console.log(
      `${images.length + leftOut.length} entries: ${uploaded} uploaded, ${skipped} stored before, ${failed.length} failed, ${describeLeftOut(leftOut)}.`,
    );
    nameEach(failed.map(({ file, detail }) => ({ name: file, reason: detail })));
    nameEach(leftOut);
  }
  if (stop.signal.aborted) process.exitCode = 130;
  else if (summary.failed.length > 0) process.exitCode = 1;
});

/** Uploads the images whose bytes the server does not have. */
async function uploadMissing(
  images: readonly ImageSource[],
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
  const each = (some: readonly ImageSource[], work: (image: ImageSource) => Promise<void>) =>
    pMap(
      some,
      async (image) => {
        if (signal.aborted) return;
        await work(image).catch((error) => failed.push({ file: image.place, ...asFailure(error) }));
        onProgress(uploaded + skipped + failed.length, images.length);
      },
      { concurrency },
    );

  const send = async ({ name: path }: ImageSource, bytes: Uint8Array<ArrayBuffer>) => {
    const [name, label] = [posix.basename(path), labelOf(path)];
    return client.storeImages([{ name, bytes }], { metadata: { name, path, ...(label && { label }), ...metadata } });
  };

  for (let i = 0; i < images.length && !signal.aborted; i += CHUNK) {
    const read = new Map<ImageSource, { readonly hash: string; readonly bytes?: Uint8Array<ArrayBuffer> }>();
    let room = KEPT_BYTES;
    await each(images.slice(i, i + CHUNK), async (image) => {
      const bytes = await image.read();
      room -= bytes.length;
      read.set(image, { hash: sha256(bytes), ...(room > 0 && { bytes }) });
    });
    const asked = [...new Set([...read.values()].map(({ hash }) => hash))];
    const stored = new Set(asked.length === 0 ? [] : await client.knownImages(asked));
    await each([...read.keys()], async (image) => {
      const { hash, bytes } = read.get(image)!;
      const copy = uploads.get(hash);
      if (stored.has(hash) || copy) {
        await copy; // fails if that upload does
        return void skipped++;
      }
      const upload = bytes ? send(image, bytes) : image.read().then((again) => send(image, again));
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
  if (["not_ready", "unauthorized", "forbidden", "storage_full", "storage_unavailable"].includes(error.code))
    throw error;
  return { code: error.code, detail: error.message };
}
