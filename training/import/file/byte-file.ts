// Ranges of a file, however large it is: nothing is read that is not asked for.
import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { AppError } from "../../../core/errors.ts";

/** Why a checkpoint is refused, as an error. @param why Ends the sentence "The checkpoint cannot be used: …". */
export const refusal = (why: string, cause?: unknown): AppError =>
  new AppError("invalid_checkpoint", `The checkpoint cannot be used: ${why}.`, { cause });

/** An open file. */
export interface ByteFile {
  /** Bytes. */
  readonly size: number;
  /**
   * Bytes `from` … `from + length` in memory of their own.
   *
   * @throws AppError `invalid_checkpoint` where the file ends before.
   */
  read(from: number, length: number): Uint8Array;
  close(): void;
}

/** Opens a regular file; a named pipe or a device is refused without waiting for it. */
export function openByteFile(path: string): ByteFile {
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw refusal(`${path} cannot be opened: ${(error as Error).message}`, error);
  }
  const stats = fstatSync(file);
  if (!stats.isFile()) {
    closeSync(file);
    throw refusal(`${path} is not a regular file`);
  }
  const { size } = stats;
  return {
    size,
    read(from, length) {
      if (!(from >= 0 && length >= 0 && from + length <= size)) {
        throw refusal(`it is cut short: ${length} bytes are expected at byte ${from} of ${size}`);
      }
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const read = readSync(file, bytes, done, Math.min(length - done, 2 ** 30), from + done);
        if (read === 0) throw refusal("it was cut short while it was read");
        done += read;
      }
      return bytes;
    },
    close: () => closeSync(file),
  };
}

/** Bytes read from a window of the file at a time. */
const WINDOW = 64 * 1024;

/** Reads a file from a place on, a few bytes at a time. */
export class ByteCursor {
  /** Where the next byte is read. */
  at: number;
  readonly #file: ByteFile;
  readonly #end: number;
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;

  /** @param end Nothing is read beyond it. */
  constructor(file: ByteFile, at: number, end: number) {
    this.#file = file;
    this.#end = Math.min(end, file.size);
    this.at = at;
  }

  byte(): number {
    return this.bytes(1)[0]!;
  }

  /** The next `length` bytes, valid until the next call. */
  bytes(length: number): Uint8Array {
    if (this.at + length > this.#end) throw refusal(`it is cut short at byte ${this.#end}`);
    const from = this.at;
    this.at += length;
    if (from < this.#windowAt || this.at > this.#windowAt + this.#window.length) {
      this.#window = this.#file.read(from, Math.max(length, Math.min(WINDOW, this.#end - from)));
      this.#windowAt = from;
    }
    return this.#window.subarray(from - this.#windowAt, this.at - this.#windowAt);
  }

  view(length: number): DataView {
    const { buffer, byteOffset } = this.bytes(length);
    return new DataView(buffer, byteOffset, length);
  }

  /** Text to the end of the line. */
  line(most: number): string {
    const from = this.at;
    while (this.byte() !== 10) if (this.at - from > most) throw refusal(`a line has more than ${most} bytes`);
    const length = this.at - from;
    this.at = from;
    return Buffer.from(this.bytes(length).subarray(0, -1)).toString("utf8");
  }
}
