import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Response } from "express";
import { hasErrno } from "../../core/errors.ts";

/** Sends a stream as the answer. Where the client goes away the stream is destroyed, and that is no failure. */
export async function sendStream(response: Response, stream: Readable): Promise<void> {
  try {
    await pipeline(stream, response);
  } catch (error) {
    if (!hasErrno(error, "ERR_STREAM_PREMATURE_CLOSE") && !hasErrno(error, "ECONNRESET")) throw error;
  }
}
