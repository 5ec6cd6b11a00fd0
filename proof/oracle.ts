// What is right: every picture's embedding by every model, computed here and not by the server.
import { decodeImage } from "../core/decode.ts";
import { openEncoder } from "../core/encoder-session.ts";
import type { Model } from "../core/model.ts";
import { dot } from "../core/vector.ts";

/** The right embeddings of one model. */
export interface Oracle {
  /** [D], unit norm. */
  embedding(picture: number): Float32Array;
  /** Cosine similarity of two pictures. */
  score(a: number, b: number): number;
  /** Images decoded and encoded a second, with nothing stored or indexed. */
  readonly imagesPerSecond: number;
}

const BATCH = 32;

/** Embeds all pictures with a model. */
export async function createOracle(model: Model, pictures: readonly Buffer[]): Promise<Oracle> {
  const encoder = await openEncoder(model);
  const { dimensions, input } = model.card;
  const embeddings = new Float32Array(pictures.length * dimensions);
  let seconds = 0;
  for (let from = 0; from < pictures.length; from += BATCH) {
    const files = pictures.slice(from, from + BATCH);
    const began = performance.now();
    const pixels = Buffer.concat(await Promise.all(files.map((file) => decodeImage(file, input))));
    embeddings.set(await encoder.embed(pixels, files.length), from * dimensions);
    seconds += (performance.now() - began) / 1000;
  }
  await encoder.close();
  const embedding = (picture: number) => embeddings.subarray(picture * dimensions, (picture + 1) * dimensions);
  return {
    embedding,
    score: (a, b) => dot(embedding(a), embedding(b)),
    imagesPerSecond: pictures.length / seconds,
  };
}
