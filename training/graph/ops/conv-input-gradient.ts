// Forms of a convolution's input gradient. All give the same values; which is fastest depends on the shape.
import { apply, type Form, integers, type Shape, type Tensor } from "../tensor.ts";
import type { ConvGeometry } from "./conv-geometry.ts";
import { convTranspose2d } from "./conv-transpose.ts";
import { pad, reshape, slice, transpose } from "./shape.ts";
import { winograd, winogradBeside } from "./winograd.ts";

/**
 * The gradient with respect to x of `xShape` [N, C, H, W], of the weight and g [N, O, h, w]. The first form is the
 * fastest on most machines.
 */
export function inputGradientForms(xShape: Shape, wShape: Shape, conv: ConvGeometry): Record<string, Form> {
  const [, , height, width] = xShape as [number, number, number, number];
  const [, , kh, kw] = wShape as [number, number, number, number];
  const transposed: Form = (weight, g) => convTranspose2d(g!, weight!, { ...conv, height, width });
  if (conv.padding > Math.min(kh, kw) - 1) return { transposed };
  const flipped: Form = (weight, g) => flippedConv(xShape, weight!, g!, conv);
  const few = winograd(xShape, wShape, conv)?.inputGradient;
  if (conv.stride === 1) return winogradBeside({ flipped }, few, wShape);
  if (conv.groups > 1) return { transposed };
  const inPhases: Form = (weight, g) => phases(xShape, weight!, g!, conv);
  return winogradBeside(
    kh * kw === 1 ? { transposed, phases: inPhases } : { phases: inPhases, transposed },
    few,
    wShape,
  );
}

/**
 * At stride 1 the input gradient is itself a convolution: of g with the weights flipped and their channels exchanged.
 */
function flippedConv(xShape: Shape, weight: Tensor, g: Tensor, { padding, groups }: ConvGeometry): Tensor {
  const [o, cPerGroup, kh, kw] = weight.shape as [number, number, number, number];
  const byGroup = reshape(weight, [groups, o / groups, cPerGroup, kh * kw]);
  const exchanged = transpose(byGroup, [0, 2, 1, 3]);
  const taps = integers(Array.from({ length: kh * kw }, (_, i) => kh * kw - 1 - i));
  const flipped = apply("Gather", [exchanged, taps], { shape: exchanged.shape, attributes: { axis: 3 } });
  const pads = [kh - 1 - padding, kw - 1 - padding];
  return apply("Conv", [g, reshape(flipped, [groups * cPerGroup, o / groups, kh, kw])], {
    shape: xShape,
    attributes: { kernel_shape: [kh, kw], strides: [1, 1], pads: [...pads, ...pads], group: groups },
  });
}

/**
 * At stride s the pixels of each phase (row mod s, column mod s) depend on taps of their own, at stride 1. One
 * convolution computes all phases as channels, with missing taps as zeros; DepthToSpace then puts each pixel in its
 * place.
 */
function phases(xShape: Shape, weight: Tensor, g: Tensor, { stride, padding }: ConvGeometry): Tensor {
  const [n, c, height, width] = xShape as [number, number, number, number];
  const [o, , kh, kw] = weight.shape as [number, number, number, number];
  const rows = phaseTaps(kh, stride, padding, height, g.shape[2]!);
  const columns = phaseTaps(kw, stride, padding, width, g.shape[3]!);
  const withZero = pad(weight, [0, 0, 0, 0], [0, 0, 1, 1]);
  const dealt = gather(gather(withZero, 2, rows.taps.flat()), 3, columns.taps.flat());
  const u = [rows.taps[0]!.length, columns.taps[0]!.length] as const;
  const byPhase = transpose(reshape(dealt, [o, c, stride, u[0], stride, u[1]]), [2, 4, 1, 0, 3, 5]);
  const channels = stride * stride * c;
  const all = apply("Conv", [g, reshape(byPhase, [channels, o, ...u])], {
    shape: [n, channels, rows.size, columns.size],
    attributes: {
      kernel_shape: u,
      strides: [1, 1],
      pads: [rows.before, columns.before, rows.after, columns.after],
      group: 1,
    },
  });
  const image = apply("DepthToSpace", [all], {
    shape: [n, c, rows.size * stride, columns.size * stride],
    attributes: { blocksize: stride, mode: "DCR" },
  });
  return slice(slice(image, 2, 0, height), 3, 0, width);
}

/**
 * Along one axis: pixel s·t + r takes g[t − u] times tap s·(u + ⌊(r + p)/s⌋) + (r + p) mod s, for every u where that
 * tap exists. Gives the tap of each phase r and each u, largest u first (`kernel`: none), and the padding of g.
 */
function phaseTaps(kernel: number, stride: number, padding: number, size: number, gSize: number) {
  const tap = (r: number, u: number) => stride * (u + Math.floor((r + padding) / stride)) + ((r + padding) % stride);
  const outOf = Array.from({ length: stride }, (_, r) => r);
  const reach = Math.ceil((kernel + padding) / stride) + 1;
  const all = Array.from({ length: 2 * reach + 1 }, (_, i) => reach - i);
  const used = all.filter((u) => outOf.some((r) => tap(r, u) >= 0 && tap(r, u) < kernel));
  const pixels = Math.ceil(size / stride);
  return {
    taps: outOf.map((r) => used.map((u) => (tap(r, u) >= 0 && tap(r, u) < kernel ? tap(r, u) : kernel))),
    size: pixels,
    before: used[0]!,
    after: pixels - used.at(-1)! - gSize,
  };
}

function gather(x: Tensor, axis: number, indices: readonly number[]): Tensor {
  const shape = x.shape.map((size, i) => (i === axis ? indices.length : size));
  return apply("Gather", [x, integers(indices)], { shape, attributes: { axis } });
}
