// Batch normalisation with the statistics of the batch.
import { apply, scalar, type Tensor } from "../tensor.ts";
import { expand, reduceSum } from "./broadcast.ts";
import { add, div, mul, relu, sqrt, sub } from "./elementwise.ts";
import { reduceMean } from "./mean.ts";
import { reshape } from "./shape.ts";

/** The normalised output and the statistics it used, for the running averages. */
export interface BatchNormOutput {
  /** Same shape as the input. */
  readonly y: Tensor;
  /** Mean over the groups of the batch mean, [C]. */
  readonly mean: Tensor;
  /** Mean over the groups of the unbiased batch variance, [C]. */
  readonly variance: Tensor;
}

/**
 * y = (x − mean) / √(variance + ε) · weight + bias, per channel, as torch.nn.BatchNorm2d in training mode.
 *
 * With `groups` G > 1 the batch is split: sample n belongs to group n mod G and each group has its own statistics,
 * as on G devices (shuffling BN, MoCo section 3.3).
 *
 * @param x [N, C, H, W]; G divides N.
 * @param weight [C]
 * @param bias [C]
 */
export function batchNorm(
  x: Tensor,
  weight: Tensor,
  bias: Tensor,
  { groups = 1, epsilon = 1e-5 }: { groups?: number; epsilon?: number } = {},
): BatchNormOutput {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  if (x.shape.length !== 4) throw new RangeError(`batchNorm: expected [N, C, H, W] but received [${x.shape}]`);
  if (weight.shape.length !== 1 || weight.shape[0] !== c) {
    throw new RangeError(`batchNorm: input channels ${c} must equal weight channels ${weight.shape}`);
  }
  if (n % groups !== 0) throw new RangeError(`batchNorm: ${groups} groups do not divide a batch of ${n}`);
  // Channels of different groups become different channels: [N/G, G·C, H, W].
  const isWhole = groups === 1;
  const split = (t: Tensor) => (isWhole ? t : reshape(t, [n / groups, groups * c, h, w]));
  const ofGroups = (t: Tensor) => (isWhole ? t : reshape(expand(reshape(t, [1, c]), [groups, c]), [groups * c]));
  const overGroups = (t: Tensor) => (isWhole ? t : reduceSum(reshape(t, [groups, c]), [0]));
  const toPixels = (t: Tensor) => reshape(t, [1, groups * c, 1, 1]);
  const axes = [0, 2, 3];
  const xs = split(x);
  const mean = reduceMean(xs, axes);
  // The difference of two means, as in Flax: x − mean need not be written for it. Rounding may take it below 0.
  const variance = relu(sub(reduceMean(mul(xs, xs), axes), mul(mean, mean)));
  const deviation = sqrt(add(variance, scalar(epsilon)));
  const scale = div(ofGroups(weight), deviation);
  const shift = sub(ofGroups(bias), mul(mean, scale));
  const plain = add(mul(xs, toPixels(scale)), toPixels(shift));
  const count = (n / groups) * h * w;

  // One rule for all of it: the rules of its parts would emit three times as many nodes.
  const y: Tensor = apply("Identity", [isWhole ? plain : reshape(plain, x.shape)], {
    shape: x.shape,
    parents: [x, weight, bias],
    gradient: ([gradient]) => {
      const g = split(gradient!);
      const sumG = reduceSum(g, axes);
      const sumGX = div(sub(reduceSum(mul(g, xs), axes), mul(mean, sumG)), deviation);
      const perValue = mul(scale, scalar(-1 / count));
      const slope = mul(div(sumGX, deviation), perValue);
      const rest = sub(mul(sumG, perValue), mul(mean, slope));
      const inner = add(add(mul(g, toPixels(scale)), mul(xs, toPixels(slope))), toPixels(rest));
      return [isWhole ? inner : reshape(inner, x.shape), overGroups(sumGX), overGroups(sumG)];
    },
  });
  return {
    y,
    mean: isWhole ? mean : mul(overGroups(mean), scalar(1 / groups)),
    variance: mul(overGroups(variance), scalar(count / Math.max(count - 1, 1) / groups)),
  };
}
