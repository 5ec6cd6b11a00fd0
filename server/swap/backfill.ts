// Re-embeds what is stored with a candidate's encoder: in a process of its own that reads, decodes and encodes at a
// lower priority of the operating system, so that live requests are served first.
import { setTimeout as sleep } from "node:timers/promises";
import { AppError } from "../../core/errors.ts";
import { hasUnitNorm } from "../encoder/batcher.ts";
import type { BackgroundEncoder, Generation } from "../generation/generation.ts";
import type { Store } from "../storage/open.ts";
import type { StoredEmbedding } from "../storage/sqlite/embedding-records.ts";
import type { Content } from "../storage/sqlite/image-records.ts";

/** How far a backfill is, in distinct contents. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  /** Embedded a second, since the backfill began. */
  readonly imagesPerSecond: number;
  readonly secondsLeft?: number;
}

/** Contents of one message to the encoder, and of one transaction. */
const BATCH = 32;
/** Batches under way: while one is encoded the next are decoded, or written and indexed. */
const LANES = 4;
/** A candidate whose encoder stops is waited for this often, a second each, before the swap fails. */
const ENCODER_RETRIES = 30;

/**
 * Stores the candidate's embedding of every content that lacks it, until none does. New images go to the candidate by
 * themselves (dual write) and land in `missed` where that failed.
 *
 * @throws the signal's reason when it is aborted; AppError where an image cannot be embedded.
 */
export async function backfill(
  candidate: Generation,
  store: Store,
  { signal, onProgress }: { signal: AbortSignal; onProgress: (progress: Progress) => void },
): Promise<void> {
  const began = performance.now();
  let encoder: Promise<BackgroundEncoder> | undefined;
  let embedded = 0;
  try {
    do {
      candidate.missed.clear();
      let done = 0;
      const advance = (images: number) => {
        done += images;
        const total = Math.max(done, store.images.countContents());
        const imagesPerSecond = embedded / ((performance.now() - began) / 1000);
        const left = embedded > 0 ? { secondsLeft: (total - done) / imagesPerSecond } : {};
        onProgress({ done, total, imagesPerSecond, ...left });
      };
      const batches = lacking(candidate.encoder, store, advance);
      const lane = async () => {
        for await (const contents of batches) {
          signal.throwIfAborted();
          encoder ??= candidate.startBackgroundEncoder();
          await embedAndStore(contents, candidate, { encoder: await encoder, store, signal });
          embedded += contents.length;
          advance(contents.length);
        }
      };
      // A lane that fails ends the batches, and so the other lanes, before anything is closed.
      const ends = await Promise.allSettled(Array.from({ length: LANES }, lane));
      for (const end of ends) if (end.status === "rejected") throw end.reason;
      signal.throwIfAborted();
    } while (candidate.missed.size > 0);
  } finally {
    await encoder?.then(
      (opened) => opened.close(),
      () => {},
    );
  }
}

/** Batches of contents without an embedding of `encoder`; `skipped` is told how many have theirs. */
async function* lacking(encoder: number, store: Store, skipped: (images: number) => void): AsyncGenerator<Content[]> {
  for (let cursor = 0; ; ) {
    const contents = store.images.contentsAfter(cursor, BATCH);
    if (contents.length === 0) return;
    cursor = contents.at(-1)!.number;
    const without = contents.filter(({ number }) => !store.embeddings.has(encoder, number));
    if (without.length < contents.length) skipped(contents.length - without.length);
    if (without.length > 0) yield without;
    else await new Promise(setImmediate);
  }
}

interface EmbedDeps {
  readonly encoder: BackgroundEncoder;
  readonly store: Store;
  readonly signal: AbortSignal;
}

async function embedAndStore(contents: readonly Content[], candidate: Generation, deps: EmbedDeps): Promise<void> {
  const embeddings = await embedContents(contents, candidate.card.dimensions, deps);
  let findable: Promise<void> | undefined;
  // A content that was deleted meanwhile is not written, and so not added to the index either.
  await deps.store.write(
    () => embeddings.filter((embedding) => deps.store.embeddings.add(candidate.encoder, embedding)),
    (written) => {
      if (written.length > 0) findable = candidate.index.add(written);
    },
  );
  await findable;
}

/** Embeddings of those of the contents that are still stored. */
async function embedContents(
  contents: readonly Content[],
  dimensions: number,
  { encoder, store, signal }: EmbedDeps,
): Promise<StoredEmbedding[]> {
  const isStored = ({ number, sha256 }: Content) => store.images.contentNumber(sha256) === number;
  for (let attempt = 0; ; attempt++) {
    const there = contents.filter(isStored);
    if (there.length === 0) return [];
    try {
      const rows = await encoder.embedFiles(there.map(({ sha256 }) => store.files.path(sha256)));
      return there.map(({ number, sha256 }, i) => {
        const vector = rows.slice(i * dimensions, (i + 1) * dimensions);
        if (hasUnitNorm(vector)) return { content: number, vector };
        throw new AppError("no_embedding", `The model gives no usable embedding for the stored image ${sha256}.`);
      });
    } catch (error) {
      if (!there.every(isStored)) continue; // a file went with its image
      const mayRecover = error instanceof AppError && error.code === "encoder_unavailable";
      if (!mayRecover || attempt >= ENCODER_RETRIES) throw error;
      await sleep(1000, undefined, { signal });
    }
  }
}
