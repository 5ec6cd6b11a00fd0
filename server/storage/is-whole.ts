import { hasCode } from "../../core/errors.ts";
import type { Blobs } from "./ports.ts";

/** True where the blob of this SHA-256 is neither missing nor damaged. */
export async function isWhole(blobs: Pick<Blobs, "get">, sha256: string): Promise<boolean> {
  try {
    return (await blobs.get(sha256)) !== undefined;
  } catch (error) {
    if (hasCode(error, "file_damaged")) return false;
    throw error;
  }
}
