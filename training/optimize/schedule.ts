// The learning rate and the key momentum in the course of a run.

/** How the learning rate changes. `warmup` and `milestones` are shares of the run, 0..1. */
export type Schedule =
  /** After the warm-up, half a cosine from the base rate down to 0 at the end of the run. */
  | { readonly kind: "cosine"; readonly warmup: number }
  /** After the warm-up, a line from the base rate down to 0 at the end of the run. */
  | { readonly kind: "linear"; readonly warmup: number }
  /** × 0.1 at each milestone: 0.6 and 0.8 in MoCo v1. */
  | { readonly kind: "step"; readonly warmup: number; readonly milestones: readonly number[] };

/**
 * Learning rate where the share `progress` of the run is done, 0..1. It rises linearly from 0 to `base` during the
 * warm-up.
 */
export function learningRateAt(progress: number, base: number, schedule: Schedule): number {
  const { warmup } = schedule;
  if (progress < warmup) return (base * progress) / warmup;
  if (schedule.kind === "step") return base * 0.1 ** schedule.milestones.filter((m) => progress >= m).length;
  const left = (1 - progress) / (1 - warmup);
  if (schedule.kind === "linear") return base * left;
  return base * 0.5 * (1 + Math.cos((Math.PI * (progress - warmup)) / (1 - warmup)));
}

/**
 * Momentum of the key encoder where the share `progress` of the run is done, 0..1: from `base` to 1 by half a cosine
 * (MoCo v3).
 */
export function keyMomentumAt(progress: number, base: number, schedule: "constant" | "cosine"): number {
  return schedule === "constant" ? base : 1 - 0.5 * (1 + Math.cos(Math.PI * progress)) * (1 - base);
}
