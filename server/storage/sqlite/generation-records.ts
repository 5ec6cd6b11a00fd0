// Rows of generations: which encoder serves, which one served before, and the pointer between them.
import { type ModelCard, modelCardSchema } from "../../../core/model-card.ts";
import type { SqliteDatabase } from "./database.ts";

/**
 * `candidate` until the switch; `active` serves (exactly one); `retired` served before and can be rolled back to (at
 * most one); `gone` and `failed` are history.
 */
export type GenerationState = "candidate" | "active" | "retired" | "gone" | "failed";

/** One encoder with the index of its embeddings. */
export interface GenerationRecord {
  readonly number: number;
  /** Stands for the encoder in rows of embeddings. */
  readonly encoder: number;
  readonly card: ModelCard;
  readonly state: GenerationState;
}

interface GenerationRow {
  number: number;
  encoder: number;
  card: string;
  state: GenerationState;
}

const asRecord = (row: GenerationRow): GenerationRecord => ({
  ...row,
  card: modelCardSchema.parse(JSON.parse(row.card)),
});

export type GenerationRecords = ReturnType<typeof createGenerationRecords>;

/** Statements over generations. Those that write are for use inside a transaction. */
export function createGenerationRecords(database: SqliteDatabase) {
  const COLUMNS = "number, encoder, card, state";
  const byNumber = database.prepare<[number], GenerationRow>(`SELECT ${COLUMNS} FROM generations WHERE number = ?`);
  const byState = database.prepare<[string], GenerationRow>(
    `SELECT ${COLUMNS} FROM generations WHERE state = ? ORDER BY number DESC LIMIT 1`,
  );
  const activeEncoder = database.prepare<[], number>("SELECT encoder FROM generations WHERE state = 'active'").pluck();
  const insert = database.prepare<[number, string, string, string]>(
    "INSERT INTO generations (encoder, card, state, created_at) VALUES (?, ?, ?, ?)",
  );
  const setState = database.prepare<[string, number]>("UPDATE generations SET state = ? WHERE number = ?");
  const setGone = database.prepare<[number]>(
    "UPDATE generations SET state = 'gone' WHERE state = 'retired' AND number <> ?",
  );
  const setRetired = database.prepare("UPDATE generations SET state = 'retired' WHERE state = 'active'");
  const unusedEncoders = database
    .prepare<[], number>(
      `SELECT number FROM encoders WHERE number NOT IN
         (SELECT encoder FROM generations WHERE state IN ('candidate', 'active', 'retired'))`,
    )
    .pluck();

  const get = (number: number): GenerationRecord => asRecord(byNumber.get(number)!);
  const inState = (state: GenerationState): GenerationRecord | undefined => {
    const row = byState.get(state);
    return row && asRecord(row);
  };

  return {
    get,
    /** The newest generation in this state. */
    inState,
    /** The encoder of the active generation; there must be one. */
    activeEncoder: (): number => activeEncoder.get()!,
    add(encoder: number, card: ModelCard, state: GenerationState): GenerationRecord {
      const now = new Date().toISOString();
      return get(Number(insert.run(encoder, JSON.stringify(card), state, now).lastInsertRowid));
    },
    setState: (number: number, state: GenerationState): void => void setState.run(state, number),
    /** Moves the pointer: the active generation retires, the one that was retired is gone, `number` is active. */
    switchTo(number: number): void {
      setGone.run(number);
      setState.run("candidate", number);
      setRetired.run();
      setState.run("active", number);
    },
    /** SHA-256 of the ONNX files that a generation may still be opened from. */
    modelsInUse(): Set<string> {
      const states: GenerationState[] = ["candidate", "active", "retired"];
      return new Set(states.map((state) => inState(state)?.card.sha256).filter((sha256) => sha256 !== undefined));
    },
    /** Encoders whose embeddings nothing refers to any more. */
    unusedEncoders: (): number[] => unusedEncoders.all(),
  };
}
