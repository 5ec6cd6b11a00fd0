import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";

/** Bytes that are hashed before other work gets its turn: a few milliseconds. */
const STEP = 2 ** 20;

/** SHA-256 in lower-case hex, 64 characters. */
export function sha256(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** {@link sha256} of a stream, which is read to its end. */
export async function sha256OfStream(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk);
  return hash.digest("hex");
}

/** {@link sha256} of bytes that may be many: other work gets its turn meanwhile. */
export async function sha256InSteps(bytes: Uint8Array): Promise<string> {
  const hash = createHash("sha256");
  for (let at = 0; at < bytes.length; at += STEP) {
    hash.update(bytes.subarray(at, at + STEP));
    if (at + STEP < bytes.length) await setImmediate();
  }
  return hash.digest("hex");
}
