// Commits about vectors: transactions that move the sequence number on.
import type { Committed } from "../ports.ts";
import type { Changes } from "./changes.ts";
import type { Database } from "./database.ts";
import type { Query } from "./query.ts";

/** Notes what a commit changes, while it is applied. */
export interface CommitNotes {
  readonly added: Array<{ readonly encoder: number; readonly content: number }>;
  /** Contents that go, with the encoders whose embeddings went with them. */
  readonly removed: Array<{ readonly content: number; readonly encoders: readonly number[] }>;
  /** How many contents came. */
  newContents: number;
}

/** Runs `apply` in a transaction; see `Catalogue` for what the number says. Run again where it met a deadlock. */
export type Commit = <T>(
  apply: (query: Query, notes: CommitNotes) => Promise<T>,
) => Promise<Committed & { readonly value: T }>;

// The row of moco_search is locked first and kept until the commit is durable: whoever waits for it gets the next
// number, and counts of encoders change in the same order. It is the last statement, so that the lock is held for one
// wait for the disk.
const NUMBER = `
  WITH commit AS (
    UPDATE moco_search SET sequence = sequence + $1, contents = contents + $2 RETURNING sequence
  ), counted AS (
    UPDATE encoders e SET embedded = embedded + d.difference
    FROM commit, unnest($3::int[], $4::int[]) AS d (number, difference) WHERE e.number = d.number
  ), noted AS (
    INSERT INTO changes SELECT sequence, $5::int[], $6::bigint[], $7::bigint[] FROM commit WHERE $1 = 1
  )
  SELECT sequence FROM commit`;

/** Makes the commits of a database; followers of `changes` are told before a commit resolves. */
export function createCommit(database: Database, changes: Changes): Commit {
  return async (apply) => {
    const committed = await database.transaction(async (query) => {
      const notes: CommitNotes = { added: [], removed: [], newContents: 0 };
      const value = await apply(query, notes);
      return { value, sequence: await number(query, notes) };
    });
    await changes.told(committed.sequence);
    return committed;
  };
}

async function number(query: Query, { added, removed, newContents }: CommitNotes): Promise<number> {
  const isChange = added.length > 0 || removed.length > 0;
  if (!isChange && newContents === 0) {
    return (await query<{ sequence: number }>("SELECT sequence FROM moco_search"))[0]!.sequence;
  }
  const differences = new Map<number, number>();
  const count = (encoder: number, by: number) => differences.set(encoder, (differences.get(encoder) ?? 0) + by);
  for (const { encoder } of added) count(encoder, 1);
  for (const { encoders } of removed) for (const encoder of encoders) count(encoder, -1);
  const [row] = await query<{ sequence: number }>(NUMBER, [
    Number(isChange),
    newContents - removed.length,
    [...differences.keys()],
    [...differences.values()],
    added.map(({ encoder }) => encoder),
    added.map(({ content }) => content),
    removed.map(({ content }) => content),
  ]);
  return row!.sequence;
}
