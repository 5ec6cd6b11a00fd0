// The teacher's embeddings of the collection, computed once and kept in the run folder for when the run is resumed.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type EncoderSession, openEncoder } from "../../core/encoder-session.ts";
import { AppError, hasErrno } from "../../core/errors.ts";
import { replaceFile } from "../../core/files.ts";
import type { Model } from "../../core/model.ts";
import { type Dataset, decodeEach } from "../data/dataset.ts";
import { decodeSafetensors, encodeSafetensors } from "../data/safetensors.ts";
import type { Collection } from "./collection.ts";

const FILE = "teacher.safetensors";
/** Images embedded at a time. */
const BATCH = 16;

/** What {@link teacherEmbeddings} works on. */
export interface TeacherOptions {
  readonly runFolder: string;
  /** The images of the run. */
  readonly collection: Collection;
  readonly dataset: Dataset;
  readonly threads: number;
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * The teacher's embedding of every image of a data set, [N, D] in its order, each of unit norm.
 *
 * @throws AppError `invalid_model` where the teacher cannot be used, `invalid_dataset` where the images have changed
 *   meanwhile.
 */
export async function teacherEmbeddings(teacher: Model, options: TeacherOptions): Promise<Float32Array> {
  const path = join(options.runFolder, FILE);
  const identity = { teacher: teacher.card.sha256, images: options.collection.fingerprint };
  const kept = await readKept(path, identity);
  if (kept) return kept;
  const session = await openEncoder(teacher, { threads: options.threads });
  try {
    const data = await embedAll(session, options);
    const shape = [options.dataset.count, teacher.card.dimensions];
    await replaceFile(
      path,
      encodeSafetensors({ tensors: new Map([["embeddings", { shape, data }]]), metadata: identity }),
    );
    return data;
  } finally {
    await session.close();
  }
}

async function readKept(path: string, identity: Readonly<Record<string, string>>): Promise<Float32Array | undefined> {
  const file = await readFile(path).catch((error) => {
    if (hasErrno(error, "ENOENT")) return undefined;
    throw error;
  });
  if (!file) return undefined;
  const { tensors, metadata } = decodeSafetensors(file);
  const isSame = Object.entries(identity).every(([key, value]) => metadata[key] === value);
  return isSame ? (tensors.get("embeddings")?.data as Float32Array | undefined) : undefined;
}

async function embedAll(
  session: EncoderSession,
  { collection, dataset, onProgress }: TeacherOptions,
): Promise<Float32Array> {
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
  for await (const { name, pixels } of decodeEach(collection.sources, input)) {
    const expected = dataset.names[done + waiting.length];
    if (name !== expected) throw changed(expected ?? name);
    waiting.push(pixels);
    if (waiting.length === BATCH) await embed();
  }
  if (waiting.length > 0) await embed();
  if (done < dataset.count) throw changed(dataset.names[done]!);
  return embeddings;
}

const changed = (name: string) =>
  new AppError("invalid_dataset", `The images have changed while they were read, at ${name}. Start again.`);
