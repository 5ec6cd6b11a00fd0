import type { Blobs } from "./ports.ts";

/** Removes the blobs that nothing uses. `isUsed` is asked right before each is removed. */
export async function removeUnusedBlobs(blobs: Blobs, isUsed: (sha256: string) => Promise<boolean>): Promise<void> {
  for await (const sha256 of blobs.list()) if (!(await isUsed(sha256))) await blobs.remove(sha256);
}
