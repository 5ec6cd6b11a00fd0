// The servers of a database. Times are the database's: clocks of servers may differ.
import type { ServerRecord } from "../../domain/server.ts";
import type { Servers } from "../ports.ts";
import type { Connection, Database } from "./database.ts";
import type { Query } from "./query.ts";
import { LEASE_SECONDS, type Reign } from "./reign.ts";
import { cancelSwap, readCourse } from "./swaps.ts";

/** Held by the server that runs swaps, as long as its connection lives. */
const LEADER_LOCK = 0x6d6f6373;

interface ServerRow {
  id: string;
  url: string;
  started_at: Date;
  heard_at: Date;
  ready: boolean;
  leads: boolean;
  generations: number[];
}

const isHeard = `heard_at > clock_timestamp() - ${LEASE_SECONDS} * interval '1 second'`;

/** Makes the registry of a database. `reign` is set when this server leads. */
export function createServers(database: Database, reign: Reign): Servers & { close(): void } {
  const { query } = database;
  /**
   * Its own, so that signs of life do not wait for a connection that requests use. The lead lasts as long as it: where
   * this server is cut off the database ends it, and gives the lead to another one.
   */
  let connection: Connection | undefined;
  let leads = false;

  const disconnect = () => {
    connection?.release();
    connection = undefined;
    leads = false;
  };

  const onOwn = async <T>(action: (query: Query) => Promise<T>): Promise<T> => {
    try {
      connection ??= await database.connect();
      return await action(connection.query);
    } catch (error) {
      disconnect();
      throw error;
    }
  };

  return {
    leaseSeconds: LEASE_SECONDS,
    beat: ({ id, url, ready, generations }) =>
      onOwn(async (query) => {
        await query(
          `INSERT INTO servers VALUES ($1, $2, clock_timestamp(), clock_timestamp(), $3, $4)
         ON CONFLICT (id) DO UPDATE
         SET url = excluded.url, heard_at = excluded.heard_at, ready = excluded.ready, generations = excluded.generations`,
          [id, url, ready, generations],
        );
        return readCourse(query);
      }),
    async list() {
      const rows = await query<ServerRow>(
        `SELECT id, url, started_at, heard_at, ready AND ${isHeard} AS ready, generations,
           ${isHeard} AND id = (SELECT server FROM leadership) AS leads
         FROM servers WHERE heard_at > clock_timestamp() - interval '1 hour' ORDER BY started_at, id`,
      );
      return rows.map(
        ({ started_at, heard_at, ...row }): ServerRecord => ({
          ...row,
          startedAt: started_at.toISOString(),
          heardAt: heard_at.toISOString(),
        }),
      );
    },
    async leave(id) {
      await query(`DELETE FROM servers WHERE id = $1 OR heard_at < clock_timestamp() - interval '1 day'`, [id]);
    },
    lead: (id) =>
      onOwn(async (query) => {
        const [lock] = await query<{ taken: boolean }>("SELECT pg_try_advisory_lock($1) AS taken", [LEADER_LOCK]);
        if (!lock!.taken) return false;
        const [row] = await query<{ epoch: number }>(
          "UPDATE leadership SET epoch = epoch + 1, server = $1 RETURNING epoch",
          [id],
        );
        reign.epoch = row!.epoch;
        leads = true;
        return true;
      }),
    async renew() {
      if (!leads || !connection) return false;
      try {
        await connection.query("SELECT");
        return true;
      } catch {
        disconnect();
        return false;
      }
    },
    cancel: (swap) => cancelSwap(query, swap),
    close: disconnect,
  };
}
