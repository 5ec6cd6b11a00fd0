// The variants of the paper's ablations (section 4.1, tables and figure 3): one short run each.
import type { TrainingConfig } from "../config/schema.ts";
import type { Settings } from "../config/settle.ts";

/** The ablations. */
export const ABLATIONS = ["mechanism", "key-momentum", "shuffle"] as const;

/** One of {@link ABLATIONS}. */
export type Ablation = (typeof ABLATIONS)[number];

/** One run: its name, its place on the chart, and the settings that it changes. */
export interface Variant {
  readonly ablation: Ablation;
  /** Line of the chart, such as a mechanism. */
  readonly series: string;
  /** Place on the line: a number of negatives, a momentum, or a word. */
  readonly value: number | string;
  readonly settings: Settings;
}

/** Key momenta: 0 and those of the table in section 4.1. */
const KEY_MOMENTA = [0, 0.9, 0.99, 0.999];

/**
 * The runs of some ablations around a configuration: mechanism × queue size (a sixteenth, a quarter and all of the
 * configuration's queue, where they hold a batch; end-to-end has the batch), key momentum, shuffled BN.
 */
export function variantsOf(
  ablations: readonly Ablation[],
  { batch, queue }: Pick<TrainingConfig, "batch" | "queue">,
): Variant[] {
  const sizes = [...new Set([queue / 16, queue / 4, queue].map((size) => Math.max(batch, Math.round(size))))];
  const all: Record<Ablation, Variant[]> = {
    mechanism: [
      ...(["moco", "memory-bank"] as const).flatMap((mechanism) =>
        sizes.map((size): Variant => {
          return { ablation: "mechanism", series: mechanism, value: size, settings: { mechanism, queue: size } };
        }),
      ),
      { ablation: "mechanism", series: "end-to-end", value: batch - 1, settings: { mechanism: "end-to-end" } },
    ],
    "key-momentum": KEY_MOMENTA.map((keyMomentum) => {
      return { ablation: "key-momentum", series: "moco", value: keyMomentum, settings: { keyMomentum } };
    }),
    shuffle: [true, false].map((shuffle) => {
      return { ablation: "shuffle", series: "moco", value: shuffle ? "on" : "off", settings: { shuffle } };
    }),
  };
  return ABLATIONS.filter((ablation) => ablations.includes(ablation)).flatMap((ablation) => all[ablation]);
}
