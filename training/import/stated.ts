// The network of weights that were written here, as it stands beside them: names and shapes alone do not tell the stride
// of the first layer, or an image's size.
import { z } from "zod";
import { architectureSchema, normalisationSchema, type TrainingConfig } from "../config/schema.ts";
import { refusal } from "./file/byte-file.ts";
import type { Checkpoint } from "./file/checkpoint.ts";

/** Name of the fact, in the metadata of a safetensors file or at the top of a checkpoint. */
export const STATED = "moco-search";

const statedSchema = z.object({
  architecture: architectureSchema,
  imageSize: z.int().positive(),
  normalisation: normalisationSchema.optional(),
});

/** What is stated: the network, the side of its images in pixels, and their normalisation where it is not ImageNet's. */
export type Stated = z.infer<typeof statedSchema>;

/** The statement for a network, as a text. */
export const stateNetwork = ({ architecture, imageSize, normalisation }: Pick<TrainingConfig, keyof Stated>): string =>
  JSON.stringify({ architecture, imageSize, normalisation } satisfies Stated);

/**
 * What a checkpoint states, if it does.
 *
 * @throws AppError `invalid_checkpoint` where that is damaged.
 */
export function statedNetwork({ facts }: Checkpoint): Stated | undefined {
  const text = facts.get(STATED);
  if (typeof text !== "string") return undefined;
  try {
    return statedSchema.parse(JSON.parse(text));
  } catch {
    throw refusal(`what it states about its network ("${STATED}") is damaged. Export it again, or take that out`);
  }
}
