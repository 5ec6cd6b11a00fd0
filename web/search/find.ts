// What is searched with, and how the server is asked for it.
import { createStore, delMany, get, keys, set } from "idb-keyval";
import type { Client, Filter, Matches } from "../../client/index.ts";
import type { GridImage } from "../parts/tile.tsx";

/** Most matches of a search. */
export const MOST = 1000;

/** A part of the query image: shares of its width and height, 0..1. */
export interface Region {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** What the address says of a search: one of these. */
export interface Query {
  /** A stored image. */
  readonly id?: string | undefined;
  /** An image file, by the name under which this browser keeps it. */
  readonly file?: string | undefined;
  /** Stored images that matches should all be like. */
  readonly like?: readonly string[] | undefined;
}

/** What is searched with. */
export interface Question extends Query {
  readonly region?: Region | undefined;
  /** The shape of a thing in the query image, in place of a region: a grey PNG in base64. */
  readonly mask?: string | undefined;
  readonly more: readonly GridImage[];
  readonly less: readonly GridImage[];
  readonly filter?: Filter | undefined;
  readonly k: number;
}

/** The query of an address; undefined where it has none. */
export function queryOf(parameters: URLSearchParams): Query | undefined {
  const [id, file, like] = ["id", "file", "like"].map((name) => parameters.get(name) ?? undefined);
  return (id ?? file ?? like) ? { id, file, like: like?.split(" ") } : undefined;
}

/** A query as an address has it. */
export const parametersOf = ({ id, file, like }: Query) => ({ id, file, like: like?.join(" ") });

export const isSameQuery = (a: Query | undefined, b: Query | undefined): boolean =>
  JSON.stringify(a && parametersOf(a)) === JSON.stringify(b && parametersOf(b));

/** Query files of this browser, so that a reload and the way back find them; the oldest go first. */
const files = createStore("moco-search", "queries");
const KEPT = 20;

/** @returns The name under which a file is kept. */
export async function keepFile(file: Blob): Promise<string> {
  const name = `${Date.now()}-${Math.random().toString(36).slice(2, 8)}`;
  await set(name, file, files);
  const old = (await keys<string>(files)).sort().slice(0, -KEPT);
  await delMany(old, files);
  return name;
}

export const keptFile = (name: string): Promise<Blob | undefined> => get<Blob>(name, files);

/** @param picture The query's, of which a region is taken. */
export async function find(
  { id, file, like, region, mask, more, less, filter, k }: Question,
  picture: ImageBitmap | undefined,
  client: Client,
): Promise<Matches> {
  const [positive, negative] = [more, less].map((images) => images.map((image) => image.id)) as [string[], string[]];
  const examples = positive.length + negative.length;
  if (mask && id && examples === 0) return client.search({ id, mask, k, filter });
  if (!region && !mask && !file) {
    const given = like ?? [id!];
    const hasExamples = given.length + examples > 1;
    const query = hasExamples
      ? { positive: [...given, ...positive], ...(negative.length > 0 && { negative }) }
      : { id: given[0] };
    return client.search({ ...query, k, filter });
  }
  const image = region ? await cropped(picture, region) : await (file ? keptFile(file) : client.getImageContent(id!));
  if (!image) throw new Error("This browser no longer has the image of this address.");
  return client.searchByImage(image, { mask, k, filter, positive, negative });
}

/** The part of the picture, at its own resolution, as a PNG file. */
async function cropped(picture: ImageBitmap | undefined, region: Region): Promise<Blob> {
  if (!picture) throw new Error("The image is not loaded yet.");
  const [x, y] = [Math.floor(region.x * picture.width), Math.floor(region.y * picture.height)];
  const width = Math.max(1, Math.round(region.width * picture.width));
  const height = Math.max(1, Math.round(region.height * picture.height));
  const part = new OffscreenCanvas(width, height);
  part.getContext("2d")!.drawImage(picture, x, y, width, height, 0, 0, width, height);
  return part.convertToBlob({ type: "image/png" });
}
