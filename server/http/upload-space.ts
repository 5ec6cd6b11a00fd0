// Room for the bodies of all requests together, with a bound on each: small files in memory, large ones on disk. A
// large file is in memory only while it is used.
import { randomBytes } from "node:crypto";
import { type FileHandle, mkdir, open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { AppError, hasErrno } from "../../core/errors.ts";

/** A file that has been received. */
export interface ReceivedFile {
  /** Hands its bytes to `action`, once there is room for them in memory. */
  use<T>(action: (bytes: Buffer) => Promise<T>): Promise<T>;
  /** Frees what it holds, after the uses under way. */
  discard(): void;
}

/** Bytes of a request that are kept in memory until it is answered. */
export interface HeldBytes {
  /** @throws AppError `overloaded` where all requests together hold too many. */
  set(bytes: number): void;
}

export interface UploadSpace {
  /**
   * Reads a stream to its end.
   *
   * @param onBytes Gets each chunk's length; an error that it throws ends the reading.
   * @throws AppError `overloaded` where all uploads together take too much.
   */
  receive(stream: Readable, onBytes: (bytes: number) => void): Promise<ReceivedFile>;
  /** Counts other bytes of a request, such as its JSON, until `release`. */
  hold(): HeldBytes & { release(): void };
}

const MB = 1024 * 1024;
/** Files of up to this many bytes are kept in memory. */
const SMALL_FILE = 256 * 1024;
/** Bytes of small files and other bodies in memory at a time. */
const MAX_HELD = 64 * MB;
/** Bytes of large files in memory at a time. */
const MAX_IN_USE = 128 * MB;

const PART_NAME = /^[0-9a-f]{24}\.part$/;

const noRoom = () => new AppError("overloaded", "Too many uploads are under way. Try again in a moment.");

/**
 * Opens the folder that keeps large files until their requests are answered, and removes what a crash left there.
 *
 * @param options.maxOnDisk Bytes of all these files together.
 */
export async function openUploadSpace(folder: string, { maxOnDisk }: { maxOnDisk: number }): Promise<UploadSpace> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of await readdir(folder)) if (PART_NAME.test(name)) await rm(join(folder, name), { force: true });
  let held = 0;
  let onDisk = 0;
  const inUse = createTurns(MAX_IN_USE);

  /** A file without a name (except on Windows): it is gone when it is closed or the process ends. */
  const openPart = async (): Promise<{ file: FileHandle; close(): Promise<void> }> => {
    const path = join(folder, `${randomBytes(12).toString("hex")}.part`);
    const file = await open(path, "wx+", 0o600);
    const remove = () => rm(path, { force: true });
    if (process.platform === "win32") return { file, close: () => file.close().then(remove) };
    await remove();
    return { file, close: () => file.close() };
  };

  const inMemory = (bytes: Buffer): ReceivedFile => ({
    use: (action) => action(bytes),
    discard: once(() => (held -= bytes.length)),
  });

  const onDiskOf = (part: Awaited<ReturnType<typeof openPart>>, size: number): ReceivedFile => {
    let users = 0;
    let discarded = false;
    const close = once(() => {
      onDisk -= size;
      void part.close().catch(() => {});
    });
    return {
      async use(action) {
        users++;
        try {
          return await inUse.during(size, async () => {
            const bytes = Buffer.allocUnsafe(size);
            for (let at = 0; at < size; ) at += (await part.file.read(bytes, at, size - at, at)).bytesRead;
            return action(bytes);
          });
        } finally {
          if (--users === 0 && discarded) close();
        }
      },
      discard() {
        discarded = true;
        if (users === 0) close();
      },
    };
  };

  return {
    async receive(stream, onBytes) {
      let chunks: Buffer[] = [];
      let size = 0;
      let part: Awaited<ReturnType<typeof openPart>> | undefined;
      const forget = () => {
        if (part) onDisk -= size;
        else held -= size;
        void part?.close().catch(() => {});
      };
      const moveToDisk = async () => {
        const opened = await openPart();
        held -= size;
        onDisk += size;
        part = opened;
        for (const chunk of chunks) await opened.file.write(chunk);
        chunks = [];
      };
      try {
        for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
          onBytes(chunk.length);
          if (!part && (size + chunk.length > SMALL_FILE || held + chunk.length > MAX_HELD)) await moveToDisk();
          size += chunk.length;
          if (part) onDisk += chunk.length;
          else held += chunk.length;
          if (onDisk > maxOnDisk) throw noRoom();
          if (part) await part.file.write(chunk);
          else chunks.push(chunk);
        }
      } catch (error) {
        forget();
        throw hasErrno(error, "ENOSPC") || hasErrno(error, "EDQUOT") ? noRoom() : error;
      }
      return part ? onDiskOf(part, size) : inMemory(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    },
    hold() {
      let own = 0;
      return {
        set(bytes) {
          if (bytes > own && held + bytes - own > MAX_HELD) throw noRoom();
          held += bytes - own;
          own = bytes;
        },
        release() {
          held -= own;
          own = 0;
        },
      };
    },
  };
}

/** Runs actions in order, each once there is room for its size. */
function createTurns(room: number) {
  let taken = 0;
  const waiting: Array<{ size: number; start: () => void }> = [];
  const startNext = () => {
    // An action larger than the whole room runs alone.
    while (waiting[0] && (taken === 0 || taken + waiting[0].size <= room)) {
      taken += waiting[0].size;
      waiting.shift()!.start();
    }
  };
  return {
    async during<T>(size: number, action: () => Promise<T>): Promise<T> {
      await new Promise<void>((start) => {
        waiting.push({ size, start });
        startNext();
      });
      try {
        return await action();
      } finally {
        taken -= size;
        startNext();
      }
    },
  };
}

function once(action: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) action();
    isDone = true;
  };
}
