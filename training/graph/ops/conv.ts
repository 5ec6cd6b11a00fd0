// Two-dimensional convolution (cross-correlation, as in every framework) over images [N, C, H, W].
import { apply, type Form, type FormChooser, firstForm, type Tensor } from "../tensor.ts";
import { reduceSum } from "./broadcast.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import { inputGradientForms } from "./conv-input-gradient.ts";
import { weightGradientForms } from "./conv-weight-gradient.ts";
import { winograd, winogradBeside } from "./winograd.ts";

/** Same stride and zero padding in both directions; `groups` divides both channel counts. */
export interface ConvOptions {
  /** @default 1 */
  readonly stride?: number;
  /** @default 0 */
  readonly padding?: number;
  /** @default 1 */
  readonly groups?: number;
  /** Chooses its form and those of its gradients. @default the operator itself, and the first form of each gradient */
  readonly chooser?: FormChooser;
}

/**
 * x [N, C, H, W] ⋆ weight [O, C/groups, kH, kW] (+ bias [O]) → [N, O, H', W'], H' = ⌊(H + 2·padding − kH)/stride⌋ + 1.
 */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}, bias?: Tensor): Tensor {
  const { stride = 1, padding = 0, groups = 1, chooser } = options;
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const [o, cPerGroup, kh, kw] = weight.shape as [number, number, number, number];
  if (x.shape.length !== 4 || weight.shape.length !== 4) {
    throw new RangeError(`conv2d: expected two tensors of rank 4 but received [${x.shape}] and [${weight.shape}]`);
  }
  if (c % groups !== 0 || o % groups !== 0) {
    throw new RangeError(`conv2d: groups ${groups} must divide input channels ${c} and output channels ${o}`);
  }
  if (c / groups !== cPerGroup) {
    throw new RangeError(`conv2d: input channels ${c / groups} must equal weight channels ${cPerGroup}`);
  }
  if (h + 2 * padding < kh || w + 2 * padding < kw) {
    throw new RangeError(
      `conv2d: kernel ${kh}×${kw} is larger than the padded input ${h + 2 * padding}×${w + 2 * padding}`,
    );
  }
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== o)) {
    throw new RangeError(`conv2d: bias [${bias.shape}] must have one value for each of ${o} output channels`);
  }
  const geometry: ConvGeometry = { stride, padding, groups };
  const signature = `${[n, c, h, w]}|${weight.shape}|s${stride}p${padding}g${groups}`;
  const operator: Form = (...operands) =>
    apply("Conv", operands, {
      shape: [n, o, Math.floor((h + 2 * padding - kh) / stride) + 1, Math.floor((w + 2 * padding - kw) / stride) + 1],
      attributes: {
        kernel_shape: [kh, kw],
        strides: [stride, stride],
        pads: [padding, padding, padding, padding],
        group: groups,
      },
    });
  const few = winograd(x.shape, weight.shape, geometry);
  const operands = bias ? [x, weight, bias] : [x, weight];
  const forms = winogradBeside({ operator }, few?.conv, weight.shape);
  const { node, shape: outputShape } =
    chooser && !bias ? chooser.choose(`conv2d ${signature}`, operands, forms, 0) : operator(...operands);
  const { choose } = chooser ?? firstForm;
  return apply(node.op, node.inputs, {
    shape: outputShape,
    attributes: node.attributes,
    parents: operands,
    gradient: ([g], [ofInput]) => [
      ofInput // not of pixels: its forms would be timed for nothing
        ? choose(
            `conv2d input gradient ${signature}`,
            [weight, g!],
            inputGradientForms(x.shape, weight.shape, geometry, few?.inputGradient),
            1,
          )
        : undefined,
      choose(
        `conv2d weight gradient ${signature}`,
        [x, g!],
        weightGradientForms(weight.shape, geometry, few?.weightGradient),
      ),
      bias && reduceSum(g!, [0, 2, 3]),
    ],
  });
}
