// Re-embeds what is stored with a candidate's encoder, giving way to live requests.
import { setTimeout as sleep } from "node:timers/promises";
import { AppError, hasErrno } from "../../core/errors.ts";
import type { StoredEmbedding } from "../store/embedding-records.ts";
import type { Content } from "../store/image-records.ts";
import type { Store } from "../store/store.ts";
import type { Generation } from "./generation.ts";
import type { Generations } from "./generations.ts";
import { createPreparer } from "./preparer.ts";

/** How far a backfill is, in distinct contents. */
export interface Progress {
  readonly done: number;
  readonly total: number;
  /** Embedded a second, since the backfill began. */
  readonly imagesPerSecond: number;
  readonly secondsLeft?: number;
}

/** Contents read from the database at a time. */
const PAGE = 256;
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
  { store, generations }: { store: Store; generations: Generations },
  { signal, onProgress }: { signal: AbortSignal; onProgress: (progress: Progress) => void },
): Promise<void> {
  const began = performance.now();
  let embedded = 0;
  do {
    candidate.missed.clear();
    let done = 0;
    const failed = new AbortController();
    const underWay = new Set<Promise<void>>();
    const advance = () => {
      const total = Math.max(++done, store.images.countContents());
      const imagesPerSecond = embedded / ((performance.now() - began) / 1000);
      const secondsLeft = embedded > 0 ? (total - done) / imagesPerSecond : undefined;
      onProgress({ done, total, imagesPerSecond, ...(secondsLeft === undefined ? {} : { secondsLeft }) });
    };
    const bring = async (content: Content): Promise<void> => {
      await generations.pace.background(async () => {
        if (failed.signal.aborted || signal.aborted) return;
        await embedAndStore(candidate, content, store, signal);
        embedded++;
      });
      advance();
    };
    for (let cursor = 0; !failed.signal.aborted; ) {
      signal.throwIfAborted();
      const contents = store.images.contentsAfter(cursor, PAGE);
      if (contents.length === 0) break;
      cursor = contents.at(-1)!.number;
      for (const content of contents) {
        if (store.embeddings.has(candidate.encoder, content.number)) {
          advance();
          continue;
        }
        const work: Promise<void> = bring(content)
          .catch((error) => failed.abort(error))
          .finally(() => underWay.delete(work));
        underWay.add(work);
      }
      // The next page is read while the last images of this one are under way.
      while (underWay.size > PAGE / 2) await Promise.race(underWay);
      await new Promise(setImmediate);
    }
    await Promise.all(underWay);
    failed.signal.throwIfAborted();
    signal.throwIfAborted();
  } while (candidate.missed.size > 0);
}

async function embedAndStore(
  candidate: Generation,
  content: Content,
  store: Store,
  signal: AbortSignal,
): Promise<void> {
  const embedding = await embedContent(candidate, content, store, signal);
  if (!embedding) return;
  // A content that was deleted meanwhile is not written, and so not added to the index either.
  await store.write(
    () => store.embeddings.add(candidate.encoder, embedding),
    (written) => {
      if (written) void candidate.index.add([embedding]);
    },
  );
}

async function embedContent(
  candidate: Generation,
  { number, sha256 }: Content,
  store: Store,
  signal: AbortSignal,
): Promise<StoredEmbedding | undefined> {
  let bytes: Buffer;
  try {
    bytes = await store.files.read(sha256);
  } catch (error) {
    if (hasErrno(error, "ENOENT") && store.images.contentNumber(sha256) !== number) return undefined;
    throw error;
  }
  for (let attempt = 0; ; attempt++) {
    try {
      return { content: number, vector: await candidate.embed(createPreparer(bytes), "background") };
    } catch (error) {
      const mayRecover = error instanceof AppError && error.code === "encoder_unavailable";
      if (!mayRecover || attempt === ENCODER_RETRIES) throw error;
      await sleep(1000, undefined, { signal });
    }
  }
}
