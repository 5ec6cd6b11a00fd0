// Reads files that somebody else wrote: a pipe, a device or an endless file must not block the reader.
import { constants, open } from "node:fs/promises";

/**
 * Reads a regular file of at most `maxBytes`. Anything else is refused before it is read. Opening a named pipe does not
 * wait for a writer.
 *
 * @throws Error where it is not a regular file or too large, and as `open`.
 */
export async function readRegularFile(path: string, maxBytes: number): Promise<Buffer> {
  const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  try {
    const stats = await file.stat();
    if (!stats.isFile()) throw new Error("it is not a regular file");
    if (stats.size > maxBytes) throw new Error(`it has ${stats.size} bytes, more than ${maxBytes}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
