// Group commit: writes that arrive together share one transaction and so one wait for the disk.

import { asStorageError } from "../storage-error.ts";
import type { SqliteDatabase } from "./database.ts";

/**
 * Runs `apply` inside a transaction and resolves with its value once the transaction is on disk.
 *
 * `committed` runs right after the commit, in the order of the writes and before any other event: what follows the
 * database, such as an index, is told there and so sees changes in the database's order. It must not throw.
 */
export type Write = <T>(apply: () => T, committed?: (value: T) => void) => Promise<T>;

interface QueuedWrite {
  readonly apply: () => unknown;
  readonly committed: (value: never) => void;
  readonly resolve: (value: never) => void;
  readonly reject: (error: unknown) => void;
}

/** Makes the {@link Write} of a database. */
export function createWriteQueue(database: SqliteDatabase): Write {
  let queue: QueuedWrite[] = [];

  const runTogether = database.transaction((writes: QueuedWrite[]) => writes.map((write) => write.apply()));

  const commit = (writes: QueuedWrite[]): void => {
    let values: unknown[];
    try {
      values = runTogether.immediate(writes);
    } catch (error) {
      // Nothing of the group was written. Each alone: only the write that fails is refused.
      if (writes.length > 1) for (const write of writes) commit([write]);
      else writes[0]!.reject(asStorageError(error));
      return;
    }
    for (const [i, write] of writes.entries()) write.committed(values[i] as never);
    for (const [i, write] of writes.entries()) write.resolve(values[i] as never);
  };

  return (apply, committed = () => {}) =>
    new Promise((resolve, reject) => {
      queue.push({ apply, committed, resolve, reject });
      if (queue.length > 1) return;
      setImmediate(() => {
        const writes = queue;
        queue = [];
        commit(writes);
      });
    });
}
