// Models as the server shows them.
import { z } from "zod";
import { modelCardSchema } from "../../core/model-card.ts";
import { swapSchema } from "./swap.ts";

/** A model of models/, or why a folder there cannot be used. */
export const modelSchema = z
  .union([
    z.strictObject({
      name: z.string(),
      /** `active`: its encoder answers; `loading`: a swap to it runs; `available`: it can be activated. */
      state: z.enum(["active", "loading", "available"]),
      card: modelCardSchema,
      /** When it appeared, if that was after the server's start. */
      appearedAt: z.iso.datetime().optional(),
    }),
    z.strictObject({ name: z.string(), state: z.literal("invalid"), reason: z.string() }),
  ])
  .meta({ id: "Model" });

export type ModelView = Readonly<z.infer<typeof modelSchema>>;

/** A model as a generation serves it. */
const servedModelSchema = z.strictObject({
  generation: z.int(),
  card: modelCardSchema,
  /**
   * Images are alike from this score on, measured on the stored images; known for the active model with two or more.
   */
  threshold: z.number().optional(),
});

export type ServedModel = Readonly<z.infer<typeof servedModelSchema>>;

export const modelListSchema = z.strictObject({
  active: servedModelSchema.nullable(),
  /** What a rollback goes back to. */
  previous: servedModelSchema.nullable(),
  /** The swap that runs. */
  swap: swapSchema.nullable(),
  models: z.array(modelSchema),
});

export type ModelList = Readonly<z.infer<typeof modelListSchema>>;
