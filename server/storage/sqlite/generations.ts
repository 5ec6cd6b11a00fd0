// Generations: which encoder serves, which one served before, and the switch between them.
import { type ModelCard, modelCardSchema } from "../../../core/model-card.ts";
import { encoderKey, type GenerationRecord, type GenerationState } from "../../domain/generation.ts";
import type { GenerationCatalogue } from "../ports.ts";
import type { CommitQueue } from "./commit-queue.ts";
import type { SqliteDatabase } from "./database.ts";

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

export type GenerationRows = ReturnType<typeof createGenerationRows>;

/** Statements over generations and encoders. Call those that write inside a commit. */
export function createGenerationRows(database: SqliteDatabase) {
  const COLUMNS = "number, encoder, card, state";
  const byNumber = database.prepare<[number], GenerationRow>(`SELECT ${COLUMNS} FROM generations WHERE number = ?`);
  const byState = database.prepare<[string], GenerationRow>(
    `SELECT ${COLUMNS} FROM generations WHERE state = ? ORDER BY number DESC LIMIT 1`,
  );
  const active = database.prepare<[], { number: number; encoder: number }>(
    "SELECT number, encoder FROM generations WHERE state = 'active'",
  );
  const encoder = database.prepare<[string], number>("SELECT number FROM encoders WHERE key = ?").pluck();
  const insertEncoder = database.prepare<[string]>("INSERT INTO encoders (key) VALUES (?)");
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

  const get = (number: number): GenerationRecord | undefined => {
    const row = byNumber.get(number);
    return row && asRecord(row);
  };

  return {
    get,
    inState(state: GenerationState): GenerationRecord | undefined {
      const row = byState.get(state);
      return row && asRecord(row);
    },
    /** The active generation without its card, which takes time to parse. */
    active: (): { number: number; encoder: number } | undefined => active.get(),
    unusedEncoders: (): number[] => unusedEncoders.all(),
    /** Writes a generation, and its encoder where that is new. */
    add(card: ModelCard, state: GenerationState): GenerationRecord {
      const key = encoderKey(card);
      const number = encoder.get(key) ?? Number(insertEncoder.run(key).lastInsertRowid);
      const now = new Date().toISOString();
      return get(Number(insert.run(number, JSON.stringify(card), state, now).lastInsertRowid))!;
    },
    setState: (number: number, state: GenerationState): void => void setState.run(state, number),
    /** The switch: the active generation becomes retired, the retired one gone, and `number` active. */
    switchTo(number: number): void {
      setGone.run(number);
      setState.run("candidate", number);
      setRetired.run();
      setState.run("active", number);
    },
  };
}

/** Makes the generations of a catalogue. */
export function createGenerationCatalogue(rows: GenerationRows, { commit }: CommitQueue): GenerationCatalogue {
  return {
    get: async (number) => rows.get(number),
    inState: async (state) => rows.inState(state),
    async modelsInUse() {
      const states: GenerationState[] = ["candidate", "active", "retired"];
      return new Set(states.map((state) => rows.inState(state)?.card.sha256).filter((sha256) => sha256 !== undefined));
    },
    unusedEncoders: async () => rows.unusedEncoders(),
    addFirst: async (card) => (await commit(() => rows.inState("active") ?? rows.add(card, "active"))).value,
  };
}
