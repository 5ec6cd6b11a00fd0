// Room that is kept for what frees room: to be deleted, an image has to be written off in the database, and that takes
// room on a full disk too.
import { randomFillSync } from "node:crypto";
import { open, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "../../core/errors.ts";
import { isDiskFull } from "../../core/files.ts";
import { asStorageError } from "./storage-error.ts";

export interface Reserve {
  /**
   * Makes sure of the reserve, before anything is stored that takes room.
   *
   * @throws AppError `storage_full` where it was spent and there is no room for it again.
   */
  keep(): Promise<void>;
  /** Runs what frees room, and again in the room of the reserve where the disk is full. */
  spend<T>(action: () => Promise<T>): Promise<T>;
}

/**
 * Bytes. SQLite writes about 4 MB of changes to its log before it carries them out, and the database may grow by as
 * much then.
 */
const RESERVE_BYTES = 8 * 1024 * 1024;

/** Bytes written at a time: on a disk that is almost full the reserve is as large as it can be. */
const CHUNK = 256 * 1024;

/** Makes the reserve of a data folder: a file, which is written with the first {@link Reserve.keep}. */
export function createReserve(folder: string): Reserve {
  const path = join(folder, "reserve");
  let last: Promise<unknown> = Promise.resolve();
  /** One after another: what is spent is not filled again before it was of use. */
  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const turn = last.then(action, action);
    last = turn;
    return turn;
  };
  const isWhole = async () => (await stat(path).catch(() => undefined))?.size === RESERVE_BYTES;
  const fill = async () => {
    const file = await open(path, "a", 0o600);
    const chunk = Buffer.allocUnsafe(CHUNK);
    try {
      for (let { size } = await file.stat(); size < RESERVE_BYTES; size += CHUNK) {
        // Random, as file systems that compress keep no room for zeros.
        await file.appendFile(randomFillSync(chunk).subarray(0, RESERVE_BYTES - size));
      }
    } catch (error) {
      throw asStorageError(error);
    } finally {
      await file.close();
    }
  };
  return {
    async keep() {
      if (!(await isWhole())) await inTurn(fill);
    },
    async spend(action) {
      try {
        return await action();
      } catch (error) {
        if (!isFull(error)) throw error;
      }
      return inTurn(async () => {
        await rm(path, { force: true });
        try {
          return await action();
        } finally {
          await fill().catch(() => {}); // as much of it as there is room for
        }
      });
    },
  };
}

const isFull = (error: unknown) => isDiskFull(error) || hasCode(error, "storage_full");
