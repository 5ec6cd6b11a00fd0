// What is searched with, and what was found: one state for the whole view, so that it is there again on the way back.
import { effect, signal } from "@preact/signals";
import { createStore, delMany, get, keys, set } from "idb-keyval";
import type { Filter, Matches } from "../../client/index.ts";
import type { GridImage } from "../parts/tile.tsx";
import { address, go, route } from "../state/route.ts";
import { answered, api, apiUntil, problemOf, returns, served } from "../state/server.ts";

/** Matches that are asked for first, and at most. */
const FIRST = 60;
const MOST = 1000;

/** A part of the query image: shares of its width and height, 0..1. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What is searched with: one of `id`, `file` and `like`. */
export interface Question {
  /** A stored image. */
  readonly id?: string | undefined;
  /** An image file, by the name under which this browser keeps it. */
  readonly file?: string | undefined;
  /** Stored images that matches should all be like. */
  readonly like?: readonly string[] | undefined;
  readonly region?: Region | undefined;
  readonly more: readonly GridImage[];
  readonly less: readonly GridImage[];
  readonly filter?: Filter | undefined;
  readonly k: number;
}

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

/** The lowest score that is shown, as the user has chosen; undefined for all. */
export const leastScore = signal<number | undefined>(undefined);

/** Query files of this browser, so that a reload and the way back find them; the oldest go first. */
const files = createStore("moco-search", "queries");
const KEPT = 20;

/** Searches with an image file. */
export async function searchWithFile(file: Blob): Promise<void> {
  const name = `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`;
  await set(name, file, files);
  const old = (await keys<string>(files)).sort().slice(0, -KEPT);
  await delMany(old, files);
  go(address("search", { file: name }));
}

/** Changes the question and asks again. */
export function ask(change: Partial<Question>): void {
  const before = question.peek(); // effects ask, too, and must not depend on what they change
  if (before) question.value = { ...before, ...change };
}

/** Asks for more matches of the same question. */
export const askForMore = (): void => ask({ k: Math.min(MOST, (question.value?.k ?? FIRST) * 3) });

// The address says what the query is.
effect(() => {
  const { view, parameters } = route.value;
  if (view !== "search") return;
  const [id, file, like] = ["id", "file", "like"].map((name) => parameters.get(name) ?? undefined);
  const before = question.peek();
  if (before && before.id === id && before.file === file && before.like?.join(" ") === like) return;
  answer.value = undefined;
  problem.value = undefined;
  picture.value = undefined;
  leastScore.value = undefined;
  const isGiven = id ?? file ?? like;
  question.value = isGiven ? { id, file, like: like?.split(" "), more: [], less: [], k: FIRST } : undefined;
  if (question.value && !like) void loadPicture(question.value);
});

async function loadPicture({ id, file }: Question): Promise<void> {
  const isStill = () => question.peek()?.id === id && question.peek()?.file === file;
  try {
    const bytes = id ? await api.getImageContent(id, { size: 2048 }) : await get<Blob>(file!, files);
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
  send(asked, abort.signal).then(
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

async function send(
  { id, file, like, region, more, less, filter, k }: Question,
  signal: AbortSignal,
): Promise<Matches> {
  const client = apiUntil(signal);
  const [positive, negative] = [more, less].map((images) => images.map((image) => image.id)) as [string[], string[]];
  if (!region && !file) {
    const given = like ?? [id!];
    const hasExamples = given.length + positive.length + negative.length > 1;
    const query = hasExamples
      ? { positive: [...given, ...positive], ...(negative.length > 0 && { negative }) }
      : { id: given[0] };
    return client.search({ ...query, k, filter });
  }
  const image = region ? await cropped(region) : await get<Blob>(file!, files);
  if (!image) throw new Error("This browser no longer has the image of this address.");
  return client.searchByImage(image, { k, filter, positive, negative });
}

/** The part of the picture, at its own resolution, as a PNG file. */
async function cropped(region: Region): Promise<Blob> {
  const bitmap = picture.peek();
  if (!bitmap) throw new Error("The image is not loaded yet.");
  const [x, y] = [Math.floor(region.x * bitmap.width), Math.floor(region.y * bitmap.height)];
  const width = Math.max(1, Math.round(region.width * bitmap.width));
  const height = Math.max(1, Math.round(region.height * bitmap.height));
  const part = new OffscreenCanvas(width, height);
  part.getContext("2d")!.drawImage(bitmap, x, y, width, height, 0, 0, width, height);
  return part.convertToBlob({ type: "image/png" });
}
