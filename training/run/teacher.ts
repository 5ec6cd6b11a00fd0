// The teacher's embeddings of the collection.
import { join } from "node:path";
import type { Model } from "../../core/model.ts";
import { type CollectionToEmbed, embedCollection, keptTensor } from "./embed-collection.ts";

/** The teacher's embedding of every image of a data set, [N, D] in its order; errors as {@link embedCollection}. */
export async function teacherEmbeddings(teacher: Model, images: CollectionToEmbed): Promise<Float32Array> {
  const { runFolder, collection, dataset } = images;
  const identity = { teacher: teacher.card.sha256, images: collection.fingerprint };
  const { data } = await keptTensor(join(runFolder, "teacher.safetensors"), "embeddings", identity, async () => ({
    shape: [dataset.count, teacher.card.dimensions],
    data: await embedCollection(teacher, images),
  }));
  return data as Float32Array;
}
