// What is searched with, and what was found: one state for the whole view, so that it is there again on the way back.
import { effect, signal } from "@preact/signals";
import type { Matches } from "../../client/index.ts";
import { address, go, route } from "../state/route.ts";
import { answered, api, apiUntil, problemOf, returns, served } from "../state/server.ts";
import { toast } from "../state/toasts.ts";
import { find, isSameQuery, keepFile, keptFile, MOST, type Query, type Question, queryOf } from "./find.ts";
import { findShape, type Place } from "./shape.ts";

/** Matches that are asked for first. */
const FIRST = 60;

export const question = signal<Question | undefined>(undefined);

/** The picture of the query, once it is there; undefined for several. */
export const picture = signal<ImageBitmap | undefined>(undefined);

/** What was found, how long it took (milliseconds), and whether there is more. */
export interface Answer extends Matches {
  readonly milliseconds: number;
  readonly isComplete: boolean;
}

export const answer = signal<Answer | undefined>(undefined);
export const problem = signal<ReturnType<typeof problemOf> | undefined>(undefined);
export const isSearching = signal(false);
/** What was clicked on, while the server looks for its shape. */
export const shapeSought = signal<Place | undefined>(undefined);

/** The lowest score that is shown, as the user has chosen; undefined for all. */
export const leastScore = signal<number | undefined>(undefined);

/** Searches with an image file. */
export async function searchWithFile(file: Blob): Promise<void> {
  go(address("search", { file: await keepFile(file) }));
}

/** Changes the question and asks again. */
export function ask(change: Partial<Question>): void {
  const before = question.peek(); // effects ask, too, and must not depend on what they change
  if (before) question.value = { ...before, ...change };
}

/** Finds the shape of the thing at a place of the query image, and asks with it. */
export async function askForShape(place: Place): Promise<void> {
  const about = question.peek();
  if (!about) return;
  const isStill = () => shapeSought.peek() === place && isSameQuery(about, question.peek());
  shapeSought.value = place;
  try {
    const mask = await findShape(about, place, api);
    if (isStill()) ask({ mask, region: undefined });
  } catch (error) {
    if (isStill()) toast(problemOf(error).detail);
  } finally {
    if (shapeSought.peek() === place) shapeSought.value = undefined;
  }
}

/** Asks for more matches of the same question. */
export const askForMore = (): void => ask({ k: Math.min(MOST, (question.value?.k ?? FIRST) * 3) });

// The address says what the query is.
effect(() => {
  const { view, parameters } = route.value;
  if (view !== "search") return;
  const query = queryOf(parameters);
  if (query && isSameQuery(query, question.peek())) return;
  answer.value = undefined;
  problem.value = undefined;
  picture.value = undefined;
  leastScore.value = undefined;
  question.value = query && { ...query, more: [], less: [], k: FIRST };
  if (query && !query.like) void loadPicture(query);
});

async function loadPicture({ id, file }: Query): Promise<void> {
  const isStill = () => question.peek()?.id === id && question.peek()?.file === file;
  try {
    const bytes = id ? await api.getImageContent(id, { size: 2048 }) : await keptFile(file!);
    if (!bytes) {
      // Another browser's address, or one from long ago: there is nothing to search with.
      if (isStill()) question.value = undefined;
      return;
    }
    const bitmap = await createImageBitmap(bytes);
    if (isStill()) picture.value = bitmap;
  } catch {
    // The search says what is wrong with the image; here it is only not shown.
  }
}

// Each change of the question is asked, and what was asked before is withdrawn.
effect(() => {
  const asked = question.value;
  if (asked) return search(asked);
});

// Another model answers, or the server is back: the same question has another answer.
effect(() => {
  const now = served.value?.generation;
  const before = answer.peek()?.generation;
  if (before !== undefined && now !== undefined && now !== before) repeat({ rescale: true });
});
effect(() => {
  if (returns.value > 0 && problem.peek()) repeat();
});

/** Asks the same question again. */
export function repeat({ rescale = false } = {}): void {
  if (rescale) leastScore.value = undefined; // scores of another model mean something else
  ask({});
}

function search(asked: Question): () => void {
  const abort = new AbortController();
  isSearching.value = true;
  const began = performance.now();
  find(asked, picture.peek(), apiUntil(abort.signal)).then(
    (found) => {
      if (abort.signal.aborted) return;
      const isComplete = found.matches.length < asked.k || asked.k >= MOST;
      answer.value = { ...found, milliseconds: performance.now() - began, isComplete };
      problem.value = undefined;
      isSearching.value = false;
      answered(found);
    },
    (error) => {
      if (abort.signal.aborted) return;
      answer.value = undefined;
      problem.value = problemOf(error);
      isSearching.value = false;
    },
  );
  return () => abort.abort();
}
