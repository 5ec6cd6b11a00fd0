// Generations: which encoder serves, which one served before, and the pointer between them.
import { type ModelCard, modelCardSchema } from "../../../core/model-card.ts";
import { encoderKey, type GenerationRecord, type GenerationState } from "../../domain/generation.ts";
import type { GenerationCatalogue } from "../ports.ts";
import type { Database } from "./database.ts";
import type { Query } from "./query.ts";

interface GenerationRow {
  number: number;
  encoder: number;
  card: string;
  state: GenerationState;
}

/** A generation whose encoder has embeddings. */
export type InUse = Pick<GenerationRecord, "number" | "encoder" | "state">;

const COLUMNS = "number, encoder, card, state";
const IN_USE = "state IN ('candidate', 'active', 'retired')";
/** Taken by what begins a swap, and by what drops the embeddings of an encoder that no swap has brought back. */
const SWAP_LOCK = 0x6d6f6370;

const asRecord = (row: GenerationRow): GenerationRecord => ({
  ...row,
  card: modelCardSchema.parse(JSON.parse(row.card)),
});

export async function getGeneration(query: Query, number: number): Promise<GenerationRecord | undefined> {
  const [row] = await query<GenerationRow>(`SELECT ${COLUMNS} FROM generations WHERE number = $1`, [number]);
  return row && asRecord(row);
}

export async function generationInState(query: Query, state: GenerationState): Promise<GenerationRecord | undefined> {
  const [row] = await query<GenerationRow>(
    `SELECT ${COLUMNS} FROM generations WHERE state = $1 ORDER BY number DESC LIMIT 1`,
    [state],
  );
  return row && asRecord(row);
}

/** Keeps two swaps from beginning, and encoders from going, until the transaction ends. */
export const lockSwaps = (query: Query) => query("SELECT pg_advisory_xact_lock($1)", [SWAP_LOCK]);

/**
 * The generations in use, which stay what they are until the transaction ends: a commit that has seen the active one
 * ends before the switch, or begins after it.
 */
export async function shareGenerations(query: Query): Promise<InUse[]> {
  for (;;) {
    const rows = await query<InUse>(
      `SELECT number, encoder, state FROM generations WHERE ${IN_USE} ORDER BY number FOR SHARE`,
    );
    // A statement that waited for a switch sees each row as it is now, but only the rows that were there when it began.
    if (rows.length === 0 || rows.some(({ state }) => state === "active")) return rows;
  }
}

/**
 * Writes a generation, and its encoder with the table of its embeddings where there is none. After {@link lockSwaps}.
 */
export async function addGeneration(query: Query, card: ModelCard, state: GenerationState): Promise<GenerationRecord> {
  const key = encoderKey(card);
  const [known] = await query<{ number: number }>("SELECT number FROM encoders WHERE key = $1", [key]);
  const [{ number: encoder }] = (
    known ? [known] : await query<{ number: number }>("INSERT INTO encoders (key) VALUES ($1) RETURNING number", [key])
  ) as [{ number: number }];
  await query(`CREATE TABLE IF NOT EXISTS embeddings_${encoder} PARTITION OF embeddings FOR VALUES IN (${encoder})`);
  const [row] = await query<GenerationRow>(
    `INSERT INTO generations (encoder, card, state, created_at) VALUES ($1, $2, $3, clock_timestamp()) RETURNING ${COLUMNS}`,
    [encoder, JSON.stringify(card), state],
  );
  return asRecord(row!);
}

export const setGenerationState = (query: Query, number: number, state: GenerationState) =>
  query("UPDATE generations SET state = $1 WHERE number = $2", [state, number]);

/** Lets every commit that has seen the active generation end first, and new ones wait. */
export const lockGenerations = (query: Query) =>
  query(`SELECT number FROM generations WHERE ${IN_USE} ORDER BY number FOR UPDATE`);

/**
 * Moves the pointer, after {@link lockGenerations}: the active generation retires, the one that was retired is gone.
 */
export async function switchGenerations(query: Query, number: number): Promise<void> {
  await query("UPDATE generations SET state = 'gone' WHERE state = 'retired' AND number <> $1", [number]);
  await setGenerationState(query, number, "candidate");
  await query("UPDATE generations SET state = 'retired' WHERE state = 'active'");
  await setGenerationState(query, number, "active");
}

export async function unusedEncoders(query: Query): Promise<number[]> {
  const rows = await query<{ number: number }>(
    `SELECT number FROM encoders WHERE number NOT IN (SELECT encoder FROM generations WHERE ${IN_USE}) ORDER BY number`,
  );
  return rows.map(({ number }) => number);
}

/** Makes the generations of a catalogue. */
export function createGenerationCatalogue({ query, transaction }: Database): GenerationCatalogue {
  return {
    get: (number) => getGeneration(query, number),
    inState: (state) => generationInState(query, state),
    async modelsInUse() {
      const rows = await query<{ card: string }>(`SELECT card FROM generations WHERE ${IN_USE}`);
      return new Set(rows.map(({ card }) => modelCardSchema.parse(JSON.parse(card)).sha256));
    },
    unusedEncoders: () => unusedEncoders(query),
    addFirst: (card) =>
      transaction(async (inside) => {
        await lockSwaps(inside);
        return (await generationInState(inside, "active")) ?? (await addGeneration(inside, card, "active"));
      }),
  };
}
