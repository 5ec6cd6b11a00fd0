// Rows of swaps: each step of a swap is on disk before the next begins.
import { randomBytes } from "node:crypto";
import type { ErrorCode } from "../../core/errors.ts";
import type { SqliteDatabase } from "./database.ts";

/** States of a swap that runs, in order. */
export const RUNNING_STATES = ["loading", "warming", "backfilling", "verifying", "ready"] as const;

/** `active`: the switch happened; `retired`: a later swap replaced it. `failed` and `cancelled` changed nothing. */
export type SwapState = (typeof RUNNING_STATES)[number] | "active" | "retired" | "failed" | "cancelled";

/** What the gate found about a candidate. */
export interface SwapReport {
  /** Distinct contents in the candidate's index. */
  readonly contents: number;
  /** Of the candidate's index against exact search over a sample, 0..1. */
  readonly recallAt10: number;
  /** 1 − ‖mean embedding‖²: 0 where all embeddings are the same, towards 1 where they point everywhere. */
  readonly spread: number;
}

export interface SwapRecord {
  readonly number: number;
  readonly id: string;
  readonly kind: "activate" | "rollback";
  /** Number of the generation that is to become active. */
  readonly generation: number;
  /** Number of the generation that was active when the swap began. */
  readonly replaces: number;
  readonly state: SwapState;
  readonly report?: SwapReport;
  readonly error?: { readonly code: ErrorCode; readonly detail: string };
  /** ISO 8601. */
  readonly createdAt: string;
  readonly updatedAt: string;
}

interface SwapRow {
  number: number;
  id: string;
  kind: SwapRecord["kind"];
  generation: number;
  replaces: number;
  state: SwapState;
  report: string | null;
  error: string | null;
  created_at: string;
  updated_at: string;
}

function asRecord({ report, error, created_at, updated_at, ...row }: SwapRow): SwapRecord {
  return {
    ...row,
    ...(report ? { report: JSON.parse(report) } : {}),
    ...(error ? { error: JSON.parse(error) } : {}),
    createdAt: created_at,
    updatedAt: updated_at,
  };
}

export type SwapRecords = ReturnType<typeof createSwapRecords>;

/** Statements over swaps. Those that write are for use inside a transaction. */
export function createSwapRecords(database: SqliteDatabase) {
  const byId = database.prepare<[string], SwapRow>("SELECT * FROM swaps WHERE id = ?");
  const running = database.prepare<[], SwapRow>(
    `SELECT * FROM swaps WHERE state IN (${RUNNING_STATES.map((state) => `'${state}'`).join(", ")})`,
  );
  const insert = database.prepare(
    `INSERT INTO swaps (id, kind, generation, replaces, state, created_at, updated_at)
     VALUES (@id, @kind, @generation, @replaces, 'loading', @now, @now)`,
  );
  const setState = database.prepare<[string, string, string]>(
    "UPDATE swaps SET state = ?, updated_at = ? WHERE id = ?",
  );
  const setReport = database.prepare<[string, string]>("UPDATE swaps SET report = ? WHERE id = ?");
  const setError = database.prepare<[string, string]>("UPDATE swaps SET error = ? WHERE id = ?");
  const retireActive = database.prepare<[string]>(
    "UPDATE swaps SET state = 'retired', updated_at = ? WHERE state = 'active'",
  );
  const now = () => new Date().toISOString();

  const get = (id: string): SwapRecord | undefined => {
    const row = byId.get(id);
    return row && asRecord(row);
  };

  return {
    get,
    /** The swap that has not ended: at most one. */
    running(): SwapRecord | undefined {
      const row = running.get();
      return row && asRecord(row);
    },
    add(swap: Pick<SwapRecord, "kind" | "generation" | "replaces">): SwapRecord {
      const id = randomBytes(12).toString("base64url");
      insert.run({ ...swap, id, now: now() });
      return get(id)!;
    },
    setState: (id: string, state: SwapState): void => void setState.run(state, now(), id),
    setReport: (id: string, report: SwapReport): void => void setReport.run(JSON.stringify(report), id),
    setError: (id: string, error: SwapRecord["error"]): void => void setError.run(JSON.stringify(error), id),
    /** The swap that had made the active generation is history now. */
    retireActive: (): void => void retireActive.run(now()),
  };
}
