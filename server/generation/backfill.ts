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
}

const CHUNK = 64;
/** Chunks under way: while one computes, the next is read and decoded. */
const LANES = 2;
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
  do {
    candidate.missed.clear();
    let cursor = 0;
    let done = 0;
    let failed = false;
    const lane = async (): Promise<void> => {
      while (!failed) {
        signal.throwIfAborted();
        const contents = store.images.contentsAfter(cursor, CHUNK);
        if (contents.length === 0) return;
        cursor = contents.at(-1)!.number;
        const lacking = contents.filter(({ number }) => !store.embeddings.has(candidate.encoder, number));
        if (lacking.length > 0) await giveWay(generations, () => embedChunk(candidate, lacking, store, signal));
        else await new Promise(setImmediate);
        done += contents.length;
        onProgress({ done, total: Math.max(done, store.images.countContents()) });
      }
    };
    const stop = (error: unknown) => {
      failed = true;
      throw error;
    };
    const lanes = await Promise.allSettled(Array.from({ length: LANES }, () => lane().catch(stop)));
    throwFirst(lanes);
  } while (candidate.missed.size > 0);
}

/** Runs `work`; where requests came meanwhile, rests as long as it took, so that they get half of the machine. */
async function giveWay(generations: Generations, work: () => Promise<void>): Promise<void> {
  const usesBefore = generations.uses;
  const startedAt = performance.now();
  await work();
  if (generations.uses > usesBefore) await sleep(performance.now() - startedAt);
}

async function embedChunk(
  candidate: Generation,
  contents: readonly Content[],
  store: Store,
  signal: AbortSignal,
): Promise<void> {
  const settled = await Promise.allSettled(contents.map((content) => embedContent(candidate, content, store, signal)));
  throwFirst(settled);
  const embeddings = settled.flatMap((result) => (result.status === "fulfilled" && result.value) || []);
  // A content that was deleted meanwhile is not written, and so not added to the index either.
  await store.write(
    () => embeddings.filter((embedding) => store.embeddings.add(candidate.encoder, embedding)),
    (written) => void candidate.index.add(written),
  );
}

function throwFirst(settled: ReadonlyArray<PromiseSettledResult<unknown>>): void {
  const failure = settled.find((result) => result.status === "rejected");
  if (failure) throw failure.reason;
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
