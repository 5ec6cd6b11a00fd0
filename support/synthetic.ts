// A storage with many stored embeddings and no image files: what searching and starting need.
import { join } from "node:path";
import { pino } from "pino";
import { sha256 } from "../core/hash.ts";
import { type Model, readOnnx } from "../core/model.ts";
import { normalised } from "../core/vector.ts";
import { openStorage } from "../server/storage/open.ts";
import type { Storage } from "../server/storage/ports.ts";
import { mulberry32, writeTinyModel } from "./tiny-model.ts";
import { unitVectors } from "./vectors.ts";

/** Length of the embeddings. */
export const DIMENSIONS = 128;
/** Directions that the embeddings spread over; those of a trained encoder fill few of their dimensions, too. */
const DIRECTIONS = 24;
/** Length of the part of a vector that points anywhere, where the other part has 1. */
const NOISE = 0.3;
/** Images written in one transaction. */
const IMAGES = 5000;

/**
 * `count` vectors of unit norm like those of an encoder: 24 directions and some noise in all 128. Vectors that point
 * anywhere, with nothing to search by, would be found with a recall of about 0.75.
 */
export function* syntheticEmbeddings(count: number, seed: number): Generator<Float32Array> {
  const directions = unitVectors(DIRECTIONS, DIMENSIONS, 99);
  const random = mulberry32(seed);
  const draw = () => random() + random() + random() - 1.5;
  for (let i = 0; i < count; i++) {
    const vector = new Float32Array(DIMENSIONS);
    for (const direction of directions) {
      const weight = draw() / Math.sqrt(DIRECTIONS);
      for (let d = 0; d < DIMENSIONS; d++) vector[d]! += weight * direction[d]!;
    }
    for (let d = 0; d < DIMENSIONS; d++) vector[d]! += (NOISE * draw()) / Math.sqrt(DIMENSIONS);
    yield normalised(vector);
  }
}

/** Makes `folder/models` with a tiny model and `folder/data` with `count` images of it. */
export async function writeSyntheticData(folder: string, count: number): Promise<void> {
  const model = await writeTinyModel(join(folder, "models"), "default", { dimensions: DIMENSIONS });
  const storage = await openStorage(join(folder, "data"), pino({ level: "silent" }));
  await fillStorage(storage, model, count);
  await storage.close();
}

/** Stores `count` images of a model of 128 dimensions, the first one of the storage. */
export async function fillStorage(storage: Storage, model: Model, count: number): Promise<void> {
  await storage.models.put(model.card.sha256, await readOnnx(model));
  const { encoder } = await storage.catalogue.generations.addFirst(model.card);
  const vectors = syntheticEmbeddings(count, 1);
  for (let from = 0; from < count; from += IMAGES) {
    const added = Array.from({ length: Math.min(IMAGES, count - from) }, (_, i) => {
      const image = {
        sha256: sha256(String(from + i)),
        bytes: 1,
        type: "png",
        width: 1,
        height: 1,
        metadata: { place: from + i },
      } as const;
      return storage.catalogue.images.add(image, new Map([[encoder, vectors.next().value as Float32Array]]));
    });
    await Promise.all(added);
  }
}
