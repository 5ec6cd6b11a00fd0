// The collection as a map: a sample of the stored images, each at a place near what is similar to it.
import { once } from "node:events";
import { siblingModule } from "../../../core/paths.ts";
import { startWorker } from "../../../core/processes.ts";
import { type AnsweredBy, answeredBy } from "../../domain/generation.ts";
import type { Metadata } from "../../domain/image.ts";
import type { Generation } from "../../generation/generation.ts";
import type { Generations } from "../../generation/generations.ts";
import type { Catalogue } from "../../storage/ports.ts";
import type { LayoutWorkerData } from "./layout-worker.ts";

/** One image of the map; x and y in 0..1. */
export interface MapPoint {
  readonly id: string;
  readonly x: number;
  readonly y: number;
  /** Pixels, as displayed; `height` too. */
  readonly width: number;
  readonly height: number;
  readonly metadata: Metadata;
}

/** The map and the generation whose embeddings it shows. */
export interface CollectionMap extends AnsweredBy {
  /** Distinct contents that are stored; the map shows up to a few thousand of them. */
  readonly stored: number;
  readonly points: readonly MapPoint[];
}

/**
 * The map of the collection under the active generation. The first call takes seconds; later ones get the same layout
 * until another generation is active or the number of contents has changed by more than a tenth.
 */
export type ReadMap = () => Promise<CollectionMap>;

/** Most contents on a map: laying them out takes one thread a few seconds. */
const MOST_POINTS = 2000;
/** Relative change in the number of contents above which the layout is made again. */
const CHANGE = 0.1;

interface Layout {
  readonly generation: Generation;
  /** Contents that were stored when the layout was begun. */
  readonly stored: number;
  readonly placed: Promise<{ readonly contents: readonly number[]; readonly places: Float32Array }>;
}

/** What the map works on. */
export interface MapDeps {
  readonly storage: { readonly catalogue: Catalogue };
  readonly generations: Generations;
}

/** Makes the map of a storage. */
export function createCollectionMap({ storage: { catalogue }, generations }: MapDeps): ReadMap {
  let latest: Layout | undefined;

  const place = async ({ encoder, card: { dimensions } }: Generation) => {
    const contents: number[] = [];
    const vectors = new Float32Array(MOST_POINTS * dimensions);
    for (const content of await catalogue.contents.sample(MOST_POINTS)) {
      const vector = await catalogue.embeddings.get(encoder, content);
      if (vector) vectors.set(vector, (contents.push(content) - 1) * dimensions);
    }
    const places = await layOutInThread({ vectors: vectors.slice(0, contents.length * dimensions), dimensions });
    return { contents, places };
  };

  const begin = (generation: Generation, stored: number): Layout => {
    const layout: Layout = { generation, stored, placed: place(generation) };
    layout.placed.catch(() => {
      if (latest === layout) latest = undefined;
    });
    return layout;
  };

  return async () => {
    const generation = generations.active();
    const stored = await catalogue.contents.count();
    const isStale =
      latest?.generation !== generation || Math.abs(stored - latest.stored) > CHANGE * Math.min(stored, latest.stored);
    if (!latest || isStale) latest = begin(generation, stored);
    const { contents, places } = await latest.placed;
    const imagesWith = await catalogue.images.withContents(contents);
    const points = contents.flatMap((content, i): MapPoint[] => {
      const image = imagesWith.get(content)?.[0];
      if (!image) return [];
      const { id, width, height, metadata } = image;
      return [{ id, x: places[2 * i]!, y: places[2 * i + 1]!, width, height, metadata }];
    });
    return { ...answeredBy(generation), stored, points };
  };
}

async function layOutInThread(workerData: LayoutWorkerData): Promise<Float32Array> {
  const worker = startWorker(siblingModule(import.meta.url, "layout-worker"), { workerData });
  worker.unref();
  const [places] = (await once(worker, "message")) as [Float32Array];
  return places;
}
