// Learning rate over a run, per step.

/** How the learning rate moves. Progress is the share of all steps done, 0..1; so is `warmup`. */
export type Schedule =
  /** Half a cosine from the base rate, where the warm-up ends, to 0 at the end of the run. */
  | { readonly kind: "cosine"; readonly warmup: number }
  /** A line from the base rate, where the warm-up ends, to 0 at the end of the run. */
  | { readonly kind: "linear"; readonly warmup: number }
  /** × 0.1 at each milestone (share of the run), as MoCo v1 at 0.6 and 0.8. */
  | { readonly kind: "step"; readonly warmup: number; readonly milestones: readonly number[] };

/** Learning rate at `progress`; during the warm-up it rises linearly from 0 to `base`. */
export function learningRateAt(progress: number, base: number, schedule: Schedule): number {
  const { warmup } = schedule;
  if (progress < warmup) return (base * progress) / warmup;
  if (schedule.kind === "step") return base * 0.1 ** schedule.milestones.filter((m) => progress >= m).length;
  const left = (1 - progress) / (1 - warmup);
  if (schedule.kind === "linear") return base * left;
  return base * 0.5 * (1 + Math.cos((Math.PI * (progress - warmup)) / (1 - warmup)));
}
