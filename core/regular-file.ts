// Reading files that somebody else put there: a pipe, a device or a file without end must not hold the reader up.
import { constants, open } from "node:fs/promises";

/**
 * Reads a regular file of at most `maxBytes`. Anything else is refused before it is read: opening a named pipe, for
 * one, would wait for a writer for ever.
 *
 * @throws Error that says what the file is or how large; what `open` throws.
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
