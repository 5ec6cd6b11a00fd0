// Group commit: commits that arrive together share one transaction and so one wait for the disk.
import type { Change, Committed, Following } from "../ports.ts";
import { asStorageError } from "../storage-error.ts";
import type { SqliteDatabase } from "./database.ts";

/** Where a commit notes the vectors that it adds and removes. */
export interface ChangeNotes {
  readonly added: Array<Change["added"][number]>;
  readonly removed: number[];
}

export interface CommitQueue {
  /** Runs `apply` inside a transaction and resolves with its value once the transaction is on disk. */
  commit<T>(apply: (notes: ChangeNotes) => T): Promise<Committed & { readonly value: T }>;
  /** See `Catalogue.follow`. Listeners must not throw. */
  follow(listener: (change: Change) => void): Following;
}

interface QueuedCommit {
  readonly apply: (notes: ChangeNotes) => unknown;
  readonly resolve: (committed: Committed & { readonly value: never }) => void;
  readonly reject: (error: unknown) => void;
}

/** Makes the queue of a database. */
export function createCommitQueue(database: SqliteDatabase): CommitQueue {
  const readSequence = database.prepare<[], number>("SELECT number FROM sequence").pluck();
  const nextSequence = database.prepare<[], number>("UPDATE sequence SET number = number + 1 RETURNING number").pluck();
  const listeners = new Set<(change: Change) => void>();
  let queue: QueuedCommit[] = [];

  const runTogether = database.transaction((commits: QueuedCommit[]) =>
    commits.map(({ apply }) => {
      const notes: ChangeNotes = { added: [], removed: [] };
      const value = apply(notes);
      const isChange = notes.added.length > 0 || notes.removed.length > 0;
      return { value, notes, isChange, sequence: (isChange ? nextSequence : readSequence).get()! };
    }),
  );

  const run = (commits: QueuedCommit[]): void => {
    let done: ReturnType<typeof runTogether>;
    try {
      done = runTogether.immediate(commits);
    } catch (error) {
      // Nothing of the group was written. Run one by one, only the commit that fails is refused.
      if (commits.length > 1) for (const commit of commits) run([commit]);
      else commits[0]!.reject(asStorageError(error));
      return;
    }
    for (const { notes, isChange, sequence } of done) {
      if (isChange) for (const listener of listeners) listener({ sequence, ...notes });
    }
    for (const [i, { value, sequence }] of done.entries()) commits[i]!.resolve({ value: value as never, sequence });
  };

  return {
    commit: (apply) =>
      new Promise((resolve, reject) => {
        queue.push({ apply, resolve, reject });
        if (queue.length > 1) return;
        setImmediate(() => {
          const commits = queue;
          queue = [];
          run(commits);
        });
      }),
    follow(listener) {
      listeners.add(listener);
      return { sequence: readSequence.get()!, stop: () => void listeners.delete(listener) };
    },
  };
}
