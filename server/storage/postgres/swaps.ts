// Swaps: each step of a swap is on disk before the next begins.
import { AppError } from "../../../core/errors.ts";
import { checkReplaces } from "../../domain/generation.ts";
import { newId } from "../../domain/new-id.ts";
import {
  awaitsApproval,
  hasEnded,
  RUNNING_STATES,
  type SwapOptions,
  type SwapRecord,
  type SwapState,
} from "../../domain/swap.ts";
import type { Course, SwapCatalogue } from "../ports.ts";
import type { Database } from "./database.ts";
import { lackingAmong, tallyOf } from "./embeddings.ts";
import {
  addGeneration,
  generationInState,
  getGeneration,
  lockGenerations,
  lockSwaps,
  setGenerationState,
  switchGenerations,
} from "./generations.ts";
import type { Query } from "./query.ts";
import { checkReign, type Reign, serversWithout } from "./reign.ts";

interface SwapRow {
  number: number;
  id: string;
  kind: SwapRecord["kind"];
  generation: number;
  replaces: number;
  state: SwapState;
  force: boolean;
  skip_damaged: boolean;
  review: boolean;
  approved_at: Date | null;
  cancelled: boolean;
  report: string | null;
  error: string | null;
  created_at: Date;
  updated_at: Date;
}

function asRecord(columns: SwapRow): SwapRecord {
  const {
    number: _,
    cancelled: __,
    skip_damaged,
    approved_at,
    report,
    error,
    created_at,
    updated_at,
    ...row
  } = columns;
  return {
    ...row,
    skipDamaged: skip_damaged,
    ...(approved_at ? { approvedAt: approved_at.toISOString() } : {}),
    ...(report ? { report: JSON.parse(report) } : {}),
    ...(error ? { error: JSON.parse(error) } : {}),
    createdAt: created_at.toISOString(),
    updatedAt: updated_at.toISOString(),
  };
}

const IS_RUNNING = `state IN (${RUNNING_STATES.map((state) => `'${state}'`).join(", ")})`;

const setState = (query: Query, id: string, state: SwapState) =>
  query("UPDATE swaps SET state = $1, updated_at = clock_timestamp() WHERE id = $2", [state, id]);

/** What every server must follow, as it is at one moment: a switch ends a swap and moves the pointer together. */
export async function readCourse(query: Query): Promise<Course> {
  const [row] = await query<{ active: number | null; retired: number | null } & (SwapRow | { id: null })>(
    `SELECT pointer.*, swaps.* FROM (
       SELECT (SELECT number FROM generations WHERE state = 'active') AS active,
         (SELECT number FROM generations WHERE state = 'retired') AS retired
     ) AS pointer LEFT JOIN swaps ON ${IS_RUNNING}`,
  );
  const { active, retired, ...swap } = row!;
  return {
    active: active ?? undefined,
    retired: retired ?? undefined,
    swap: swap.id === null ? undefined : { ...asRecord(swap), cancelled: swap.cancelled },
  };
}

/**
 * Notes that a swap is to be cancelled by the server that runs it: from now on it cannot switch.
 *
 * @throws AppError `swap_finished` where it has ended.
 */
export async function cancelSwap(query: Query, id: string): Promise<void> {
  const rows = await query(`UPDATE swaps SET cancelled = true WHERE id = $1 AND ${IS_RUNNING} RETURNING id`, [id]);
  if (rows.length === 0) throw new AppError("swap_finished", `Swap ${id} has ended.`);
}

/** Makes the swaps of a catalogue. Commits about a swap are this server's in its `reign`. */
export function createSwapCatalogue({ query, transaction }: Database, reign: Reign): SwapCatalogue {
  const running = async (inside: Query): Promise<SwapRecord | undefined> => {
    const [row] = await inside<SwapRow>(`SELECT * FROM swaps WHERE ${IS_RUNNING}`);
    return row && asRecord(row);
  };

  const begin = (
    kind: SwapRecord["kind"],
    { force, skipDamaged = false, review = false }: SwapOptions,
    chooseGeneration: (inside: Query) => Promise<number | undefined>,
  ): Promise<SwapRecord> =>
    transaction(async (inside) => {
      await lockSwaps(inside);
      const other = await running(inside);
      if (other) {
        throw new AppError("swap_in_progress", `Swap ${other.id} is running. Wait until it has ended, or cancel it.`);
      }
      const active = await generationInState(inside, "active");
      if (!active) throw new AppError("not_ready", "No model has been active yet. Try again later.");
      const generation = await chooseGeneration(inside);
      if (generation === undefined) {
        throw new AppError("no_previous_generation", "No other generation has been active before this one.");
      }
      const [row] = await inside<SwapRow>(
        `INSERT INTO swaps (id, kind, generation, replaces, force, skip_damaged, review, state, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, 'loading', clock_timestamp(), clock_timestamp()) RETURNING *`,
        [newId(), kind, generation, active.number, force, skipDamaged, review],
      );
      return asRecord(row!);
    });

  /** Runs `apply` in a commit on a swap that has not ended. What any server may do is not fenced by the reign. */
  const change = <T>(
    id: string,
    apply: (inside: Query, swap: SwapRow) => Promise<T>,
    { isFenced = true } = {},
  ): Promise<T> =>
    transaction(async (inside) => {
      if (isFenced) await checkReign(inside, reign);
      const [swap] = await inside<SwapRow>("SELECT * FROM swaps WHERE id = $1 FOR UPDATE", [id]);
      if (swap && !hasEnded(swap)) return apply(inside, swap);
      throw new AppError("swap_finished", `Swap ${id} has ended: it is ${swap?.state ?? "unknown"}.`);
    });

  return {
    async get(id) {
      const [row] = await query<SwapRow>("SELECT * FROM swaps WHERE id = $1", [id]);
      return row && asRecord(row);
    },
    running: () => running(query),
    async newest(limit) {
      return (await query<SwapRow>("SELECT * FROM swaps ORDER BY number DESC LIMIT $1", [limit])).map(asRecord);
    },
    begin: (card, options) =>
      begin("activate", options, async (inside) => {
        checkReplaces(card, (await generationInState(inside, "active"))!);
        return (await addGeneration(inside, card, "candidate")).number;
      }),
    beginRollback: () =>
      begin(
        "rollback",
        { force: false, skipDamaged: true },
        async (inside) => (await generationInState(inside, "retired"))?.number,
      ),
    enter: (id, state) => change(id, async (inside) => void (await setState(inside, id, state))),
    report: (id, report) =>
      change(id, async (inside) => {
        await inside("UPDATE swaps SET report = $1 WHERE id = $2", [JSON.stringify(report), id]);
      }),
    approve: (id) =>
      change(
        id,
        async (inside, swap) => {
          if (!awaitsApproval(asRecord(swap)) || swap.cancelled) {
            const is = swap.cancelled ? "being cancelled" : swap.state;
            throw new AppError("not_in_review", `Swap ${id} is ${is} and does not wait for approval.`);
          }
          const [row] = await inside<SwapRow>(
            `UPDATE swaps SET approved_at = clock_timestamp(), updated_at = clock_timestamp() WHERE id = $1 RETURNING *`,
            [id],
          );
          return asRecord(row!);
        },
        { isFenced: false },
      ),
    end: (id, state, error) =>
      change(id, async (inside, { kind, generation, cancelled }) => {
        await setState(inside, id, cancelled ? "cancelled" : state);
        if (error && !cancelled) await inside("UPDATE swaps SET error = $1 WHERE id = $2", [JSON.stringify(error), id]);
        if (kind === "activate") await setGenerationState(inside, generation, "failed");
      }),
    switchTo: (id, without = new Set()) =>
      change(id, async (inside, { generation, cancelled }) => {
        if (cancelled) throw new AppError("swap_finished", `Swap ${id} is being cancelled.`);
        await lockGenerations(inside);
        const { encoder } = (await getGeneration(inside, generation))!;
        // Seen after the lock: every upload that the old generation was enough for is among the contents.
        const { contents, embedded } = await tallyOf(inside, encoder);
        const excused = without.size === 0 ? 0 : await lackingAmong(inside, encoder, without);
        if (embedded + excused < contents || (await serversWithout(inside, generation)).length > 0) return false;
        await switchGenerations(inside, generation);
        await inside("UPDATE swaps SET state = 'retired', updated_at = clock_timestamp() WHERE state = 'active'");
        await setState(inside, id, "active");
        return true;
      }),
  };
}
