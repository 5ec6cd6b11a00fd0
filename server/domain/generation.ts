// A generation: one encoder and the index of its embeddings.
import { z } from "zod";
import { AppError } from "../../core/errors.ts";
import { sha256 } from "../../core/hash.ts";
import { type ModelCard, modelCardSchema } from "../../core/model-card.ts";

/**
 * `candidate` until the switch; `active` serves (exactly one); `retired` served before and can be rolled back to (at
 * most one); `gone` and `failed` are history.
 */
export const generationStateSchema = z.enum(["candidate", "active", "retired", "gone", "failed"]);

export type GenerationState = z.infer<typeof generationStateSchema>;

export const generationSchema = z.strictObject({
  number: z.int().positive(),
  /** Number that the encoder's embeddings are stored under. */
  encoder: z.int().positive(),
  card: modelCardSchema,
  state: generationStateSchema,
});

export type GenerationRecord = Readonly<z.infer<typeof generationSchema>>;

/** The model of a generation, in answers. */
export const modelNamedSchema = z.strictObject({ name: z.string(), version: z.string(), sha256: z.string() });

/** Names a model in an answer. */
export const namedModel = ({ name, version, sha256 }: ModelCard): z.infer<typeof modelNamedSchema> => ({
  name,
  version,
  sha256,
});

/** Who gave an answer: a generation and its model. */
export const answeredBySchema = z.strictObject({ generation: z.int(), model: modelNamedSchema });

export type AnsweredBy = Readonly<z.infer<typeof answeredBySchema>>;

/** Names a generation in an answer. */
export const answeredBy = ({ number, card }: Pick<GenerationRecord, "number" | "card">): AnsweredBy => ({
  generation: number,
  model: namedModel(card),
});

/**
 * What an encoder's embeddings are stored under: two encoders with the same key give the same embeddings. The ONNX file
 * alone does not tell, as the card says how pixels are prepared.
 */
export function encoderKey({ sha256: onnx, input }: ModelCard): string {
  return sha256(JSON.stringify([onnx, input.width, input.height, input.fit, input.mean, input.std]));
}

/**
 * Checks that a model would replace the active one.
 *
 * @throws AppError `model_active` where it has the same encoder: a rollback would then lead to the same model again,
 *   and the one before would be lost.
 */
export function checkReplaces(card: ModelCard, active: Pick<GenerationRecord, "card">): void {
  if (encoderKey(card) !== encoderKey(active.card)) return;
  throw new AppError("model_active", `Model "${card.name}" answers already: it is the active encoder.`);
}
