// The embeddings of a run's collection by a model: the teacher's, or those that neighbours are found by. What comes of
// them is computed once and kept in the run folder for when the run is resumed.
import { readFile } from "node:fs/promises";
import { openEncoder } from "../../core/encoder-session.ts";
import { AppError, hasErrno } from "../../core/errors.ts";
import { replaceFile } from "../../core/files.ts";
import type { Model } from "../../core/model.ts";
import { type Dataset, decodeEach } from "../data/dataset.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../data/safetensors.ts";
import type { Collection } from "./collection.ts";

/** Images embedded at a time. */
const BATCH = 16;

/** The images of a run, and how they are embedded. */
export interface CollectionToEmbed {
  readonly runFolder: string;
  readonly collection: Collection;
  readonly dataset: Dataset;
  readonly threads: number;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * The model's embedding of every image of a data set, [N, D] in its order, each of unit norm.
 *
 * @throws AppError `invalid_model` where the model cannot be used, `invalid_dataset` where the images have changed
 *   meanwhile.
 */
export async function embedCollection(
  model: Model,
  { collection, dataset, threads, onProgress }: CollectionToEmbed,
): Promise<Float32Array> {
  const session = await openEncoder(model, { threads });
  const { dimensions, input } = session.card;
  const embeddings = new Float32Array(dataset.count * dimensions);
  let done = 0;
  let waiting: Uint8Array[] = [];
  const embed = async () => {
    const vectors = await session.embed(Buffer.concat(waiting), waiting.length);
    embeddings.set(vectors, done * dimensions);
    done += waiting.length;
    waiting = [];
    onProgress(done, dataset.count);
  };
  try {
    for await (const { name, pixels } of decodeEach(collection.sources, input)) {
      const expected = dataset.names[done + waiting.length];
      if (name !== expected) throw changed(expected ?? name);
      waiting.push(pixels);
      if (waiting.length === BATCH) await embed();
    }
    if (waiting.length > 0) await embed();
  } finally {
    await session.close();
  }
  if (done < dataset.count) throw changed(dataset.names[done]!);
  return embeddings;
}

/** The tensor `name` of a file in the run folder where it is of this identity; otherwise makes and keeps it. */
export async function keptTensor(
  path: string,
  name: string,
  identity: Readonly<Record<string, string>>,
  make: () => Promise<StoredTensor>,
): Promise<StoredTensor> {
  const kept = await readKept(path, name, identity);
  if (kept) return kept;
  const tensor = await make();
  await replaceFile(path, encodeSafetensors({ tensors: new Map([[name, tensor]]), metadata: identity }));
  return tensor;
}

async function readKept(
  path: string,
  name: string,
  identity: Readonly<Record<string, string>>,
): Promise<StoredTensor | undefined> {
  const file = await readFile(path).catch((error) => {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  });
  if (!file) return undefined;
  const { tensors, metadata } = decodeSafetensors(file);
  const isSame = Object.entries(identity).every(([key, value]) => metadata[key] === value);
  return isSame ? tensors.get(name) : undefined;
}

const changed = (name: string) =>
  new AppError("invalid_dataset", `The images have changed while they were read, at ${name}. Start again.`);
