// Search with hnswlib: each generation's index in a thread of its own, its snapshots in a folder.
import type { Logger } from "pino";
import type { Catalogue, VectorSearch } from "../ports.ts";
import { createLiveIndex } from "./live-index.ts";
import { createSnapshotFiles } from "./snapshot-files.ts";
import type { startIndexThread } from "./thread.ts";

/** What {@link createHnswSearch} works on. */
export interface HnswSearchDeps {
  /** Whose changes the indexes follow. */
  readonly catalogue: Catalogue;
  readonly logger: Logger;
  /** Starts the thread of an index; tests replace it to end the thread themselves. */
  readonly startThread?: typeof startIndexThread | undefined;
}

/** Makes the search over a catalogue. Snapshots are kept in `folder`, which is made with the first one. */
export function createHnswSearch(folder: string, { catalogue, logger, startThread }: HnswSearchDeps): VectorSearch {
  const snapshots = createSnapshotFiles(folder);
  return {
    open: ({ number, encoder, card }) =>
      createLiveIndex({
        dimensions: card.dimensions,
        encoder,
        catalogue,
        snapshots: snapshots.of(encoder),
        logger: logger.child({ generation: number }),
        ...(startThread && { startThread }),
      }),
    removeUnused: (encoders) => snapshots.removeUnused(encoders),
  };
}
