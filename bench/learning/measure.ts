// How good the encoder of a run is: kNN with the images that it was trained on as neighbours, images held back as
// queries.
import { openEncoder } from "../../core/encoder-session.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { openDataset } from "../../training/data/dataset.ts";
import { embedDataset } from "../../training/evaluate/embed-dataset.ts";
import { knn } from "../../training/evaluate/knn.ts";
import { exportRun } from "../../training/export/again.ts";
import type { ExportOptions } from "../../training/export/publish.ts";

/**
 * Embeddings that a run is measured with: whitened features of two stages or of the last, plain ones, the projection.
 * Whitened as they were before what should not matter was evened out: so runs compare with earlier ones.
 */
export const EMBEDDINGS = {
  "two stages": {
    embedding: { kind: "whitened", dimensions: 128, strength: 0.5, matched: false, stages: 2, layout: 0 },
  },
  "one stage": {
    embedding: { kind: "whitened", dimensions: 128, strength: 0.5, matched: false, stages: 1, layout: 0 },
  },
  features: { embedding: { kind: "features" } },
  projection: { embedding: { kind: "projection" } },
} as const satisfies Record<string, ExportOptions>;

/** Labelled images. */
export interface Parts {
  readonly train: string;
  readonly held: string;
}

/** kNN top-1 (k 200, temperature 0.1) of a run exported in several ways, by their names, 0..1. */
export async function measureRun<Name extends string>(
  runFolder: string,
  { train, held }: Parts,
  ways: Readonly<Record<Name, ExportOptions>>,
): Promise<Record<Name, number>> {
  const { folder, remove } = await temporaryFolder();
  const found: Partial<Record<Name, number>> = {};
  for (const [name, options] of Object.entries(ways) as Array<[Name, ExportOptions]>) {
    const model = await exportRun({
      ...options,
      runFolder,
      name: "candidate",
      replace: true,
      modelsFolder: folder,
      threads: 1,
    });
    const encoder = await openEncoder(model, { threads: 1 });
    const labelled = async (images: string) => {
      const dataset = await openDataset([images], model.card.input);
      const embeddings = await embedDataset(dataset, encoder.embed);
      await dataset.close();
      return { embeddings, labels: dataset.labels! };
    };
    const [database, queries] = [await labelled(train), await labelled(held)];
    await encoder.close();
    found[name] = (await knn(queries, database)).top1;
  }
  await remove();
  return found as Record<Name, number>;
}
