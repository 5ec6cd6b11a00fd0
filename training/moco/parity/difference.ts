// How far results are from those of a reference run, and how far they may be.
import { AppError } from "../../../core/errors.ts";

/**
 * The largest differences of one quantity; `relative` is to the largest entry of the same reference tensor. Some
 * gradients are zero in exact arithmetic (that of a batch norm's weight before a depthwise convolution, say) and
 * rounding error in both runs, so a gradient's largest entry counts as at least what float32 can resolve beside the
 * run's largest gradient.
 */
export interface Difference {
  absolute: number;
  relative: number;
}

/** The measure of each quantity, and the largest difference that passes. */
export const TOLERANCES = {
  logits: ["absolute", 1e-5],
  batchLogits: ["relative", 1e-4], // MoCo v3: its last batch norm without scale magnifies rounding errors
  gradients: ["relative", 1e-4],
  losses: ["absolute", 1e-4],
  queryParameters: ["absolute", 1e-3],
  keyParameters: ["absolute", 1e-3],
  batchNormBuffers: ["absolute", 1e-3],
  queue: ["absolute", 1e-3],
  pointer: ["absolute", 0],
} as const satisfies Record<string, [keyof Difference, number]>;

/** What is compared. */
export type Quantity = keyof typeof TOLERANCES;

/** The outcome of one replay. MoCo v3 has no queue, and a transformer may have no batch norm in its encoder. */
export type ParityReport = Partial<Record<Quantity, Difference>> & { passed: boolean };

/** Collects the differences of one replay. */
export function createComparison() {
  const found: Partial<Record<Quantity, Difference>> = {};
  return {
    /** @param floor What the largest entry of `theirs` counts as at least. */
    compare(quantity: Quantity, ours: ArrayLike<number>, theirs: Float32Array, floor = 0): void {
      found[quantity] ??= { absolute: 0, relative: 0 };
      widen(found[quantity], ours, theirs, floor);
    },
    report: (): ParityReport => ({
      ...found,
      passed: Object.entries(found).every(([key, difference]) => {
        const [measure, bound] = TOLERANCES[key as Quantity];
        return difference[measure] <= bound;
      }),
    }),
  };
}

function widen(difference: Difference, ours: ArrayLike<number>, theirs: Float32Array, floor: number): void {
  if (ours.length !== theirs.length) {
    throw new AppError(
      "invalid_checkpoint",
      `Expected ${ours.length} values by the run's hyper-parameters but a tensor of the file has ${theirs.length}.`,
    );
  }
  const largest = Math.max(largestOf(theirs), floor);
  let apart = 0;
  for (let i = 0; i < theirs.length; i++) {
    const distance = Math.abs(ours[i]! - theirs[i]!);
    apart = distance > apart || Number.isNaN(distance) ? distance : apart;
  }
  difference.absolute = worse(difference.absolute, apart);
  difference.relative = worse(difference.relative, largest > 0 ? apart / largest : apart);
}

/** The largest magnitude of an entry; 0 of none. */
export const largestOf = (values: Float32Array): number =>
  values.reduce((largest, v) => Math.max(largest, Math.abs(v)), 0);

/** The larger one; NaN is the worst and stays. */
const worse = (a: number, b: number) => (Number.isNaN(a) || a > b ? a : b);
