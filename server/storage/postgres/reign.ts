// The fence around swaps: a server that has lost the lead commits nothing about them, even where it does not know yet.
import { AppError } from "../../../core/errors.ts";
import type { Query } from "./query.ts";

/** Seconds after which a server that was not heard of is out. */
export const LEASE_SECONDS = 10;

/** This server's lead; without an epoch it has never led. */
export interface Reign {
  epoch?: number;
}

/** @throws AppError `swap_finished` where another server leads. It leads no sooner than the transaction ends. */
export async function checkReign(query: Query, { epoch }: Reign): Promise<void> {
  if (epoch === undefined) return;
  const [row] = await query<{ epoch: number }>("SELECT epoch FROM leadership FOR SHARE");
  if (row!.epoch === epoch) return;
  throw new AppError("swap_finished", "Another server runs the swap now.");
}

/** Ids of servers that answer and do not have the generation. */
export async function serversWithout(query: Query, generation: number): Promise<string[]> {
  const rows = await query<{ id: string }>(
    `SELECT id FROM servers WHERE ready AND heard_at > clock_timestamp() - $2 * interval '1 second'
       AND NOT $1 = ANY (generations)`,
    [generation, LEASE_SECONDS],
  );
  return rows.map(({ id }) => id);
}
