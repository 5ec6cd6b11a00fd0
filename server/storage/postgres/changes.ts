// What commits changed about vectors, told in order to indexes that follow, whichever server committed.
import { setTimeout as sleep } from "node:timers/promises";
import type { Change, Following } from "../ports.ts";
import type { Database } from "./database.ts";
import { asVector } from "./vector-text.ts";

/** Between two looks for changes of other servers, while somebody follows. */
const LOOK_MS = 200;
/** Changes read at a time. */
const BATCH = 100;
/** Changes that are kept for followers. */
const KEPT = 100_000;

interface Follower {
  readonly listener: (change: Change) => void;
  sequence: number;
}

export interface Changes {
  /**
   * See `Catalogue.follow`. An embedding that is gone by the time of telling is left out of what was added; its removal
   * is told in its turn.
   */
  follow(listener: (change: Change) => void): Promise<Following>;
  /** Resolves once every follower here has been told of the change `sequence`; at once where nobody follows. */
  told(sequence: number): Promise<void>;
  /** Deletes changes that no follower can still be waiting for. */
  forget(): Promise<void>;
}

/** Makes the changes of a database. */
export function createChanges({ query }: Pick<Database, "query">): Changes {
  const followers = new Set<Follower>();
  let looking: Promise<void> = Promise.resolve();

  const read = async (after: number): Promise<Change[]> => {
    const rows = await query<{ sequence: number; removed: string[]; added: Array<[number, number, string]> | null }>(
      `SELECT sequence, removed, (
         SELECT json_agg(json_build_array(e.encoder, e.content, e.vector::text) ORDER BY a.place)
         FROM unnest(c.encoders, c.contents) WITH ORDINALITY AS a (encoder, content, place)
         JOIN embeddings e ON e.encoder = a.encoder AND e.content = a.content
       ) AS added
       FROM changes c WHERE sequence > $1 ORDER BY sequence LIMIT ${BATCH}`,
      [after],
    );
    return rows.map(({ sequence, removed, added }) => ({
      sequence,
      added: (added ?? []).map(([encoder, content, vector]) => ({ encoder, content, vector: asVector(vector) })),
      removed: removed.map(Number),
    }));
  };

  /** Tells all that there is; one look at a time, so that every follower is told in order. */
  const look = (): Promise<void> => {
    looking = looking
      .catch(() => {})
      .then(async () => {
        while (followers.size > 0) {
          const changes = await read(Math.min(...[...followers].map(({ sequence }) => sequence)));
          for (const change of changes) {
            for (const follower of followers) {
              if (change.sequence !== follower.sequence + 1) continue;
              follower.sequence = change.sequence;
              follower.listener(change);
            }
          }
          if (changes.length < BATCH) return;
        }
      });
    return looking;
  };

  const watch = async (): Promise<void> => {
    while (followers.size > 0) {
      await look().catch(() => {}); // the database is away; the next look tells what was missed
      await sleep(LOOK_MS, undefined, { ref: false });
    }
  };

  return {
    async follow(listener) {
      const [row] = await query<{ sequence: number }>("SELECT sequence FROM moco_search");
      const follower: Follower = { listener, sequence: row!.sequence };
      followers.add(follower);
      if (followers.size === 1) void watch();
      return { sequence: follower.sequence, stop: () => void followers.delete(follower) };
    },
    async told(sequence) {
      while ([...followers].some((follower) => follower.sequence < sequence)) await look();
    },
    async forget() {
      await query(`DELETE FROM changes WHERE sequence < (SELECT sequence FROM moco_search) - ${KEPT}`);
    },
  };
}
