// The collection as a map: each stored image at a place near what is similar to it.
import { on } from "node:events";
import { setImmediate } from "node:timers/promises";
import { siblingModule } from "../../../core/paths.ts";
import { startWorker } from "../../../core/processes.ts";
import { concatenated } from "../../../core/vector.ts";
import { type AnsweredBy, answeredBy } from "../../domain/generation.ts";
import type { Image } from "../../domain/image.ts";
import type { Generation } from "../../generation/generation.ts";
import type { Generations } from "../../generation/generations.ts";
import type { Catalogue } from "../../storage/ports.ts";
import type { LayoutMessage, LayoutWorkerData } from "./layout-worker.ts";

/** One image of the map; x and y in 0..1. */
export interface MapPoint extends Pick<Image, "id" | "width" | "height" | "metadata"> {
  readonly x: number;
  readonly y: number;
}

/** The map and the generation whose embeddings it shows. */
export interface CollectionMap extends AnsweredBy {
  /** Distinct contents that are stored; the map shows up to a hundred thousand of them. */
  readonly stored: number;
  /** Its points, some at a time: all of them at once would hold up other requests. */
  readonly points: AsyncIterable<readonly MapPoint[]>;
}

/** The map of the collection under the active generation. */
export interface MapReader {
  /**
   * The first call takes seconds; later ones get the same layout until another generation is active or the number of
   * contents has changed by more than a tenth.
   */
  read(): Promise<CollectionMap>;
  /** How much of the layout is done, 0..1; 0 where none was asked for. */
  progress(): number;
}

/** Most contents on a map. */
const MOST_POINTS = 100_000;
/** Contents that UMAP lays out, which takes one thread some seconds; the others come to lie among them. */
const LANDMARKS = 2000;
/** What part of the time the landmarks take, about. */
const LANDMARKS_PART = 0.6;
/** Contents placed, and points read, at a time. */
const BATCH = 1000;
/** Relative change in the number of contents above which the layout is made again. */
const CHANGE = 0.1;

interface Layout {
  readonly generation: Generation;
  /** Contents that were stored when the layout was begun. */
  readonly stored: number;
  readonly placed: Promise<Placed>;
  progress: number;
}

interface Placed {
  readonly contents: readonly number[];
  /** [contents, 2]. */
  readonly places: Float32Array;
}

/** What the map works on. */
export interface MapDeps {
  readonly storage: { readonly catalogue: Catalogue };
  readonly generations: Generations;
}

/** Makes the map of a storage. */
export function createCollectionMap({ storage: { catalogue }, generations }: MapDeps): MapReader {
  let latest: Layout | undefined;

  const place = async (
    { encoder, card: { dimensions } }: Generation,
    stored: number,
    advanced: (part: number) => void,
  ): Promise<Placed> => {
    const contents: number[] = [];
    const vectors = new Float32Array(LANDMARKS * dimensions);
    for (const content of await catalogue.contents.sample(LANDMARKS)) {
      const vector = await catalogue.embeddings.get(encoder, content);
      if (vector) vectors.set(vector, (contents.push(content) - 1) * dimensions);
    }
    const thread = startLayout({ vectors: vectors.slice(0, contents.length * dimensions), dimensions });
    const places = [await thread.next((part) => advanced(part * LANDMARKS_PART))];
    const known = new Set(contents);
    const chosen = stored > MOST_POINTS ? new Set(await catalogue.contents.sample(MOST_POINTS)) : undefined;
    for await (const batch of catalogue.embeddings.list(encoder, BATCH)) {
      const others = batch.filter(({ content }) => !known.has(content) && (chosen?.has(content) ?? true));
      if (others.length === 0) continue;
      const joined = new Float32Array(others.length * dimensions);
      for (const [i, { vector }] of others.entries()) joined.set(vector, i * dimensions);
      places.push(await thread.place(joined));
      contents.push(...others.map(({ content }) => content));
      advanced(LANDMARKS_PART + (1 - LANDMARKS_PART) * Math.min(1, contents.length / stored));
    }
    await thread.end();
    return { contents, places: concatenated(places) };
  };

  const begin = (generation: Generation, stored: number): Layout => {
    const layout: Layout = {
      generation,
      stored,
      progress: 0,
      placed: place(generation, stored, (part) => {
        layout.progress = part;
      }),
    };
    layout.placed.then(
      () => {
        layout.progress = 1;
      },
      () => {
        if (latest === layout) latest = undefined;
      },
    );
    return layout;
  };

  async function* pointsOf({ contents, places }: Placed): AsyncGenerator<readonly MapPoint[]> {
    for (let from = 0; from < contents.length; from += BATCH) {
      const some = contents.slice(from, from + BATCH);
      const imagesWith = await catalogue.images.withContents(some);
      yield some.flatMap((content, i): MapPoint[] => {
        const image = imagesWith.get(content)?.[0];
        if (!image) return [];
        const { id, width, height, metadata } = image;
        return [{ id, width, height, metadata, x: places[2 * (from + i)]!, y: places[2 * (from + i) + 1]! }];
      });
      await setImmediate();
    }
  }

  return {
    async read() {
      const generation = generations.active();
      const stored = await catalogue.contents.count();
      const isStale =
        latest?.generation !== generation ||
        Math.abs(stored - latest.stored) > CHANGE * Math.min(stored, latest.stored);
      if (!latest || isStale) latest = begin(generation, stored);
      return { ...answeredBy(generation), stored, points: pointsOf(await latest.placed) };
    },
    progress: () => latest?.progress ?? 0,
  };
}

/** A thread that lays out landmarks and places other vectors among them. */
function startLayout(workerData: LayoutWorkerData) {
  const worker = startWorker(siblingModule(import.meta.url, "layout-worker"), { workerData });
  worker.unref();
  const messages = on(worker, "message", { close: ["exit"] }) as AsyncIterableIterator<[LayoutMessage]>;
  const next = async (advanced: (part: number) => void = () => {}): Promise<Float32Array> => {
    for await (const [message] of { [Symbol.asyncIterator]: () => ({ next: () => messages.next() }) }) {
      if ("places" in message) return message.places;
      advanced(message.part);
    }
    throw new Error("The thread that lays out the map has ended.");
  };
  return {
    /** The places of the landmarks. */
    next,
    /** @param vectors [n, dimensions] */
    place(vectors: Float32Array): Promise<Float32Array> {
      worker.postMessage(vectors, [vectors.buffer as ArrayBuffer]);
      return next();
    },
    end: () => worker.terminate(),
  };
}
