// The paper's ablations on any collection: short runs that differ in one thing and are measured in the same way.
import { prepare } from "../run/prepare.ts";
import { type Measured, type ShortRunOptions, shortRun } from "./short-run.ts";
import { type Ablation, type Variant, variantsOf } from "./variants.ts";

/** The outcome of one run. */
export interface Outcome extends Omit<Variant, "settings">, Measured {}

/** Options of {@link ablate}. */
export interface AblateOptions extends ShortRunOptions {
  readonly ablations: readonly Ablation[];
  /** Called before each run. */
  readonly onRun?: (run: { variant: Variant; number: number; of: number }) => void;
}

/**
 * Trains every variant and measures its encoder on the images themselves: kNN where folders are labels, and the
 * label-free measures.
 *
 * @returns An outcome for each variant, in order; fewer where the signal stopped it.
 * @throws AppError as a training does.
 */
export async function ablate({ ablations, onRun, ...options }: AblateOptions): Promise<Outcome[]> {
  const { config, dataset } = await prepare(options);
  await dataset.close();
  const variants = variantsOf(ablations, config);
  const outcomes: Outcome[] = [];
  for (const [i, { settings, ...variant }] of variants.entries()) {
    if (options.signal?.aborted) break;
    onRun?.({ variant: variants[i]!, number: i + 1, of: variants.length });
    const measured = await shortRun(options, { batch: config.batch, ...settings });
    if (!measured) break; // stopped by the signal
    outcomes.push({ ...variant, ...measured });
  }
  return outcomes;
}
