// Swaps: each step of a swap is on disk before the next begins.
import { AppError } from "../../../core/errors.ts";
import { checkReplaces } from "../../domain/generation.ts";
import { newId } from "../../domain/new-id.ts";
import {
  awaitsApproval,
  RUNNING_STATES,
  type SwapOptions,
  type SwapRecord,
  type SwapState,
} from "../../domain/swap.ts";
import type { SwapCatalogue } from "../ports.ts";
import type { CommitQueue } from "./commit-queue.ts";
import type { SqliteDatabase } from "./database.ts";
import type { EmbeddingRows } from "./embeddings.ts";
import type { GenerationRows } from "./generations.ts";

interface SwapRow {
  number: number;
  id: string;
  kind: SwapRecord["kind"];
  generation: number;
  replaces: number;
  state: SwapState;
  force: number;
  skip_damaged: number;
  review: number;
  approved_at: string | null;
  report: string | null;
  error: string | null;
  created_at: string;
  updated_at: string;
}

function asRecord(columns: SwapRow): SwapRecord {
  const {
    number: _,
    force,
    skip_damaged,
    review,
    approved_at,
    report,
    error,
    created_at,
    updated_at,
    ...row
  } = columns;
  return {
    ...row,
    force: force === 1,
    skipDamaged: skip_damaged === 1,
    review: review === 1,
    ...(approved_at ? { approvedAt: approved_at } : {}),
    ...(report ? { report: JSON.parse(report) } : {}),
    ...(error ? { error: JSON.parse(error) } : {}),
    createdAt: created_at,
    updatedAt: updated_at,
  };
}

/** Makes the swaps of a catalogue. */
export function createSwapCatalogue(
  database: SqliteDatabase,
  { commit }: CommitQueue,
  { embeddings, generations }: { embeddings: EmbeddingRows; generations: GenerationRows },
): SwapCatalogue {
  const isRunning = `state IN (${RUNNING_STATES.map((state) => `'${state}'`).join(", ")})`;
  const byId = database.prepare<[string], SwapRow>("SELECT * FROM swaps WHERE id = ?");
  const running = database.prepare<[], SwapRow>(`SELECT * FROM swaps WHERE ${isRunning}`);
  const newest = database.prepare<[number], SwapRow>("SELECT * FROM swaps ORDER BY number DESC LIMIT ?");
  const insert = database.prepare(
    `INSERT INTO swaps (id, kind, generation, replaces, force, skip_damaged, review, state, created_at, updated_at)
     VALUES (@id, @kind, @generation, @replaces, @force, @skipDamaged, @review, 'loading', @now, @now)`,
  );
  const setState = database.prepare<[string, string, string]>(
    "UPDATE swaps SET state = ?, updated_at = ? WHERE id = ?",
  );
  const setApproved = database.prepare<[string, string, string]>(
    "UPDATE swaps SET approved_at = ?, updated_at = ? WHERE id = ?",
  );
  const setReport = database.prepare<[string, string]>("UPDATE swaps SET report = ? WHERE id = ?");
  const setError = database.prepare<[string, string]>("UPDATE swaps SET error = ? WHERE id = ?");
  const retireActive = database.prepare<[string]>(
    "UPDATE swaps SET state = 'retired', updated_at = ? WHERE state = 'active'",
  );
  const now = () => new Date().toISOString();

  const begin = (
    kind: SwapRecord["kind"],
    { force, skipDamaged = false, review = false }: SwapOptions,
    chooseGeneration: () => number | undefined,
  ): Promise<SwapRecord> =>
    commit(() => {
      const other = running.get();
      if (other) {
        throw new AppError("swap_in_progress", `Swap ${other.id} is running. Wait until it has ended, or cancel it.`);
      }
      const replaces = generations.active()?.number;
      if (replaces === undefined) throw new AppError("not_ready", "No model has been active yet. Try again later.");
      const generation = chooseGeneration();
      if (generation === undefined) {
        throw new AppError("no_previous_generation", "No other generation has been active before this one.");
      }
      const id = newId();
      const flags = { force: Number(force), skipDamaged: Number(skipDamaged), review: Number(review) };
      insert.run({ id, kind, generation, replaces, ...flags, now: now() });
      return asRecord(byId.get(id)!);
    }).then(({ value }) => value);

  /** Runs `apply` in a commit on a swap that has not ended. */
  const change = async <T>(id: string, apply: (swap: SwapRow) => T): Promise<T> => {
    const { value } = await commit(() => {
      const swap = running.get();
      if (swap?.id === id) return apply(swap);
      throw new AppError("swap_finished", `Swap ${id} has ended: it is ${byId.get(id)?.state ?? "unknown"}.`);
    });
    return value;
  };

  return {
    async get(id) {
      const row = byId.get(id);
      return row && asRecord(row);
    },
    async running() {
      const row = running.get();
      return row && asRecord(row);
    },
    newest: async (limit) => newest.all(limit).map(asRecord),
    begin: (card, options) =>
      begin("activate", options, () => {
        checkReplaces(card, generations.inState("active")!);
        return generations.add(card, "candidate").number;
      }),
    beginRollback: () =>
      begin("rollback", { force: false, skipDamaged: true }, () => generations.inState("retired")?.number),
    enter: (id, state) => change(id, () => void setState.run(state, now(), id)),
    report: (id, report) => change(id, () => void setReport.run(JSON.stringify(report), id)),
    approve: (id) =>
      change(id, (swap) => {
        if (!awaitsApproval(asRecord(swap))) {
          throw new AppError("not_in_review", `Swap ${id} is ${swap.state} and does not wait for approval.`);
        }
        setApproved.run(now(), now(), id);
        return asRecord(byId.get(id)!);
      }),
    end: (id, state, error) =>
      change(id, ({ kind, generation }) => {
        setState.run(state, now(), id);
        if (error) setError.run(JSON.stringify(error), id);
        if (kind === "activate") generations.setState(generation, "failed");
      }),
    switchTo: (id, without = new Set()) =>
      change(id, ({ generation }) => {
        if (embeddings.lacking(generations.get(generation)!.encoder, without) > 0) return false;
        generations.switchTo(generation);
        retireActive.run(now());
        setState.run("active", now(), id);
        return true;
      }),
  };
}
