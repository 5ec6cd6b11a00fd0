// A storage that keeps everything in memory: an oracle for backends, and quick for tests.
import { Readable } from "node:stream";
import type { Blobs, Storage } from "../../server/storage/ports.ts";
import { createMemoryCatalogue } from "./catalogue.ts";
import { createMemoryVectors } from "./vectors.ts";

/** Makes an empty storage. */
export function createMemoryStorage(): Storage {
  const catalogue = createMemoryCatalogue();
  return {
    catalogue,
    vectors: createMemoryVectors(catalogue),
    images: createMemoryBlobs(),
    models: createMemoryBlobs(),
    async close() {},
  };
}

function createMemoryBlobs(): Blobs {
  const blobs = new Map<string, Uint8Array>();
  return {
    put: async (sha256, bytes) => void blobs.set(sha256, Buffer.from(bytes)),
    get: async (sha256) => blobs.get(sha256),
    async open(sha256) {
      const bytes = blobs.get(sha256);
      return bytes && Readable.from([bytes]);
    },
    remove: async (sha256) => void blobs.delete(sha256),
    async *list() {
      yield* [...blobs.keys()];
    },
  };
}
