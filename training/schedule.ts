// Learning rate over a run, per step.

/** How the learning rate moves. Progress is the share of all steps done, 0..1. */
export type Schedule =
  | { readonly kind: "cosine"; readonly warmup: number }
  /** × 0.1 at each milestone (share of the run), as MoCo v1 at 0.6 and 0.8. */
  | { readonly kind: "step"; readonly warmup: number; readonly milestones: readonly number[] };

/** Learning rate at `progress`; during the first `warmup` (share of the run) it rises linearly from 0. */
export function learningRateAt(progress: number, base: number, schedule: Schedule): number {
  if (progress < schedule.warmup) return (base * progress) / schedule.warmup;
  if (schedule.kind === "step") return base * 0.1 ** schedule.milestones.filter((m) => progress >= m).length;
  return base * 0.5 * (1 + Math.cos(Math.PI * progress));
}
