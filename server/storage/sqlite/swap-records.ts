// Rows of swaps: each step of a swap is on disk before the next begins.
import { randomBytes } from "node:crypto";
import type { ErrorCode } from "../../../core/errors.ts";
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
  /** Beside the generation that is replaced. Not for a rollback, which must be quick and is never refused. */
  readonly comparison?: Comparison;
}

/** A candidate beside the generation that it replaces (`before` and `after`), over a sample of what is stored. */
export interface Comparison {
  readonly neighbours: {
    /** Contents compared. */
    readonly sample: number;
    /** Of the 10 nearest before, the share that is among the 10 nearest after. */
    readonly overlapAt10: number;
    /** The images whose neighbours changed most, with the ids of these. */
    readonly changedMost: ReadonlyArray<{
      readonly id: string;
      readonly overlapAt10: number;
      readonly before: readonly string[];
      readonly after: readonly string[];
      /** Of `before` and of `after`, in the same order; reports of older versions lack them. */
      readonly scores?: { readonly before: readonly number[]; readonly after: readonly number[] };
    }>;
  };
  /** Where there are two images or more. */
  readonly scores?: { readonly before: ScoreDistribution; readonly after: ScoreDistribution };
  /** Where a golden set is given. */
  readonly retrieval?: RetrievalComparison;
}

/** What the scores of one model look like. */
export interface ScoreDistribution {
  /** Of two images taken at random. */
  readonly random: Quantiles;
  /** Of an image and the one nearest to it. */
  readonly nearest: Quantiles;
  /** Two images taken at random score higher than this once in a thousand times: from here on images are alike. */
  readonly threshold: number;
}

/** Percentiles. */
export type Quantiles = Readonly<Record<"p1" | "p5" | "p25" | "p50" | "p75" | "p95" | "p99", number>>;

/** Mean average precision on images that metadata groups, 0..1. */
export interface RetrievalComparison {
  /** Of the metadata. */
  readonly key: string;
  readonly images: number;
  readonly before: number;
  readonly after: number;
  readonly allowedDrop: number;
}

/** True where a swap does not run any more. */
export const hasEnded = ({ state }: { readonly state: SwapState }): boolean =>
  !RUNNING_STATES.some((running) => running === state);

export interface SwapRecord {
  readonly number: number;
  readonly id: string;
  readonly kind: "activate" | "rollback";
  /** Number of the generation that is to become active. */
  readonly generation: number;
  /** Number of the generation that was active when the swap began. */
  readonly replaces: number;
  readonly state: SwapState;
  /** Goes on where the candidate finds less than the active model. */
  readonly force: boolean;
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
  force: number;
  report: string | null;
  error: string | null;
  created_at: string;
  updated_at: string;
}

function asRecord({ force, report, error, created_at, updated_at, ...row }: SwapRow): SwapRecord {
  return {
    ...row,
    force: force === 1,
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
  const newest = database.prepare<[number], SwapRow>("SELECT * FROM swaps ORDER BY number DESC LIMIT ?");
  const insert = database.prepare(
    `INSERT INTO swaps (id, kind, generation, replaces, force, state, created_at, updated_at)
     VALUES (@id, @kind, @generation, @replaces, @force, 'loading', @now, @now)`,
  );
  const setState = database.prepare<[string, string, string]>(
    "UPDATE swaps SET state = ?, updated_at = ? WHERE id = ?",
  );
  const setReport = database.prepare<[string, string]>("UPDATE swaps SET report = ? WHERE id = ?");
  const setError = database.prepare<[string, string]>("UPDATE swaps SET error = ? WHERE id = ?");
  const retireActive = database.prepare<[string]>(
    "UPDATE swaps SET state = 'retired', updated_at = ? WHERE state = 'active'",
  );
  const reportsAbout = database.prepare<[number, number], { generation: number; report: string }>(
    `SELECT generation, report FROM swaps WHERE report IS NOT NULL AND (generation = ? OR replaces = ?)
     ORDER BY number DESC`,
  );
  const now = () => new Date().toISOString();

  const get = (id: string): SwapRecord | undefined => {
    const row = byId.get(id);
    return row && asRecord(row);
  };

  return {
    get,
    /** The newest first. */
    newest: (limit: number): SwapRecord[] => newest.all(limit).map(asRecord),
    /** The swap that has not ended: at most one. */
    running(): SwapRecord | undefined {
      const row = running.get();
      return row && asRecord(row);
    },
    add(swap: Pick<SwapRecord, "kind" | "generation" | "replaces" | "force">): SwapRecord {
      const id = randomBytes(12).toString("base64url");
      insert.run({ ...swap, force: Number(swap.force), id, now: now() });
      return get(id)!;
    },
    setState: (id: string, state: SwapState): void => void setState.run(state, now(), id),
    setReport: (id: string, report: SwapReport): void => void setReport.run(JSON.stringify(report), id),
    setError: (id: string, error: SwapRecord["error"]): void => void setError.run(JSON.stringify(error), id),
    /** The threshold of a generation, as the newest report says that compares it with another. */
    threshold(generation: number): number | undefined {
      for (const row of reportsAbout.iterate(generation, generation)) {
        const { comparison } = JSON.parse(row.report) as SwapReport;
        const scores = comparison?.scores?.[row.generation === generation ? "after" : "before"];
        if (scores) return scores.threshold;
      }
      return undefined;
    },
    /** The swap that had made the active generation is history now. */
    retireActive: (): void => void retireActive.run(now()),
  };
}
