// Embeds all stored images with a candidate's encoder, in a process of its own that decodes and encodes at a lower
// priority of the operating system, so that live requests are served first.
import { setTimeout as sleep } from "node:timers/promises";
import { AppError, hasCode } from "../../core/errors.ts";
import type { Content, Embedding } from "../domain/content.ts";
import type { Progress } from "../domain/swap.ts";
import { hasUnitNorm } from "../encoder/batcher.ts";
import type { BackgroundEncoder, Generation } from "../generation/generation.ts";
import type { Storage } from "../storage/ports.ts";
import { type DamagedContent, damagedFiles } from "./damaged-files.ts";

/** Contents of one transaction. */
const BATCH = 32;
/** Bytes of image files in one message to the encoder; one larger file goes alone. */
const MESSAGE_BYTES = 16 * 1024 * 1024;
/** Batches under way: while one is encoded, others are read, decoded, written or indexed. */
const LANES = 4;
/** Retries while the candidate's encoder is being started again, one second apart. */
const ENCODER_RETRIES = 30;

/**
 * Passes over the contents that lack the embedding. What is uploaded during one pass without getting the candidate's
 * embedding is left to the next; whether three were enough, the switch checks.
 */
const PASSES = 3;

/** How a backfill is followed and stopped. */
interface BackfillOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  readonly skipDamaged: boolean;
}

/** What a backfill needs of the generation that is to answer. */
export type Candidate = Pick<Generation, "card" | "encoder" | "startBackgroundEncoder"> & {
  readonly index: Pick<Generation["index"], "reached">;
};

type BackfillStorage = Pick<Storage, "catalogue" | "images">;

/**
 * Stores the candidate's embedding of every content that lacks it. New images are embedded with the candidate as they
 * are uploaded (dual write); those for which that failed lack it too.
 *
 * @param options.skipDamaged Goes on without contents whose stored files are missing, damaged or cannot be decoded.
 * @returns Numbers of the contents that were skipped.
 * @throws the signal's reason when it is aborted; AppError where an image cannot be embedded, `file_damaged` where one
 *   cannot be read or decoded and `skipDamaged` is false.
 */
export async function backfill(
  candidate: Candidate,
  storage: BackfillStorage,
  { signal, onProgress, skipDamaged }: BackfillOptions,
): Promise<ReadonlySet<number>> {
  const { embeddings } = storage.catalogue;
  const began = performance.now();
  let encoder: Promise<BackgroundEncoder> | undefined;
  let embeddedHere = 0;
  const skipped = new Set<number>();
  const onDamaged = async (contents: readonly DamagedContent[]) => {
    if (!skipDamaged) throw await damagedFiles(contents, candidate.card, storage.catalogue);
    for (const { number } of contents) skipped.add(number);
  };
  /** Reports the progress; returns how many contents lack the embedding. */
  const tally = async (): Promise<number> => {
    const { contents, embedded } = await embeddings.tally(candidate.encoder);
    const imagesPerSecond = embeddedHere && embeddedHere / ((performance.now() - began) / 1000);
    const left = embeddedHere > 0 ? { secondsLeft: (contents - embedded) / imagesPerSecond } : {};
    onProgress({ done: embedded, total: contents, imagesPerSecond, ...left });
    return contents - embedded;
  };
  try {
    for (let pass = 0; pass < PASSES && (await tally()) > skipped.size; pass++) {
      const batches = embeddings.lacking(candidate.encoder, BATCH);
      const lane = async () => {
        for await (const contents of batches) {
          signal.throwIfAborted();
          encoder ??= candidate.startBackgroundEncoder();
          await embedAndStore(contents, candidate, { encoder: await encoder, storage, signal, onDamaged });
          embeddedHere += contents.length;
          await tally();
        }
      };
      // A lane that fails ends the shared iterator and so the other lanes, before anything is closed.
      const ends = await Promise.allSettled(Array.from({ length: LANES }, lane));
      for (const end of ends) if (end.status === "rejected") throw end.reason;
      signal.throwIfAborted();
    }
    return skipped;
  } finally {
    await encoder?.then(
      (opened) => opened.close(),
      () => {},
    );
  }
}

interface EmbedDeps {
  readonly encoder: BackgroundEncoder;
  readonly storage: BackfillStorage;
  readonly signal: AbortSignal;
  /** Called with stored contents whose files are missing, damaged or cannot be decoded. */
  readonly onDamaged: (contents: readonly DamagedContent[]) => Promise<void>;
}

async function embedAndStore(contents: readonly Content[], candidate: Candidate, deps: EmbedDeps): Promise<void> {
  const embeddings: Embedding[] = [];
  for (const some of messages(contents)) {
    embeddings.push(...(await embedContents(some, deps)));
  }
  const { sequence } = await deps.storage.catalogue.embeddings.add(candidate.encoder, embeddings);
  await candidate.index.reached(sequence); // backpressure: read no faster than the index takes it
}

/** Contents in their order, cut into parts whose files fit one message. */
function messages(contents: readonly Content[]): Content[][] {
  const parts: Content[][] = [];
  let room = 0;
  for (const content of contents) {
    room -= content.bytes;
    const last = parts.at(-1);
    if (last && room >= 0) last.push(content);
    else {
      parts.push([content]);
      room = MESSAGE_BYTES - content.bytes;
    }
  }
  return parts;
}

/** The files of those of the contents that are still stored, and the contents whose files are missing or damaged. */
async function readFiles(contents: readonly Content[], { catalogue, images }: BackfillStorage) {
  const there: Array<Content & { readonly file: Uint8Array }> = [];
  const damaged: Content[] = [];
  const read = async (content: Content) => {
    const file = await images.get(content.sha256).catch((error) => {
      if (!hasCode(error, "file_damaged")) throw error;
    });
    if (file) there.push({ ...content, file });
    else if ((await catalogue.contents.number(content.sha256)) === content.number) damaged.push(content);
  };
  await Promise.all(contents.map(read));
  return { there, damaged };
}

/** Embeddings of those of the contents that are still stored and can be decoded. */
async function embedContents(
  contents: readonly Content[],
  { encoder, storage, signal, onDamaged }: EmbedDeps,
): Promise<Embedding[]> {
  for (let attempt = 0; ; attempt++) {
    const { there, damaged } = await readFiles(contents, storage);
    if (damaged.length > 0) await onDamaged(damaged);
    if (there.length === 0) return [];
    try {
      const embedded = await encoder.embedFiles(there.map(({ file }) => file));
      const undecodable: DamagedContent[] = [];
      const embeddings: Embedding[] = [];
      for (const [i, { number, sha256 }] of there.entries()) {
        const vector = embedded[i]!;
        if (vector instanceof Error) undecodable.push({ number, why: vector.message });
        else if (hasUnitNorm(vector)) embeddings.push({ content: number, vector });
        else throw new AppError("no_embedding", `The model gives no usable embedding for the stored image ${sha256}.`);
      }
      if (undecodable.length > 0) await onDamaged(undecodable);
      return embeddings;
    } catch (error) {
      const mayRecover = error instanceof AppError && error.code === "encoder_unavailable";
      if (!mayRecover || attempt >= ENCODER_RETRIES) throw error;
      await sleep(1000, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}
