// What every command that exports a model ends with.
import { join } from "node:path";
import type { ModelCard } from "../../core/model-card.ts";

/** Where a model lies, and what it takes and gives. */
export function wrote(models: string, { name, dimensions, input }: ModelCard): string {
  return `Wrote ${join(models, name)}: ${dimensions} dimensions, ${input.width}×${input.height} pixels.`;
}
