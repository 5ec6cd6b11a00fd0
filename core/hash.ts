import { createHash } from "node:crypto";

/** SHA-256 in lower-case hex, 64 characters. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
