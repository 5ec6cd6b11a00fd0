// A storage that keeps everything in memory: an oracle for backends, and quick for tests.
import { Readable } from "node:stream";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
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
  const get = async (hash: string) => {
    const bytes = blobs.get(hash);
    if (!bytes || sha256(bytes) === hash) return bytes;
    throw new AppError("file_damaged", `The stored bytes of ${hash} are others.`);
  };
  return {
    put: async (hash, bytes) => void blobs.set(hash, Buffer.from(bytes)),
    get,
    async open(hash) {
      const bytes = await get(hash);
      return bytes && Readable.from([bytes]);
    },
    remove: async (sha256) => void blobs.delete(sha256),
    async *list() {
      yield* [...blobs.keys()];
    },
  };
}
