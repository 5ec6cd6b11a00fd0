// RegNet (Radosavovic et al. 2020, arXiv 2003.13678) with torchvision's tensor names: widths that grow by a line,
// blocks of 1×1, grouped 3×3, 1×1 without bottleneck, and for RegNetY squeeze-and-excitation (Hu et al. 2018).
import {
  add,
  conv2d,
  globalAveragePool,
  maxPool2d,
  mul,
  reduceMean,
  relu,
  sigmoid,
  type Tensor,
} from "../graph/index.ts";
import type { Stem } from "./resnet.ts";
import type { Scope } from "./scope.ts";

/** One RegNet; every stage halves the resolution. */
export interface RegNetConfig {
  readonly block: "regnet";
  /** Channels of each stage; multiples of the group width. */
  readonly widths: readonly number[];
  /** Blocks of each stage. */
  readonly depths: readonly number[];
  /** Channels of a group of the 3×3 convolutions. */
  readonly groupWidth: number;
  /** Inner channels of squeeze-and-excitation ÷ channels that enter the block; 0 for RegNetX, which has none. */
  readonly squeeze: number;
  readonly stem: Stem;
}

/** The design space (equations 2 to 4). Letters as in the paper. */
export interface RegNetDesign {
  /** d: blocks in all. */
  readonly depth: number;
  /** w₀: width of the first block. */
  readonly initialWidth: number;
  /** wₐ: growth from block to block. */
  readonly slope: number;
  /** wₘ: ratio of neighbouring stages' widths. */
  readonly multiplier: number;
  /** g: channels of a group. */
  readonly groupWidth: number;
}

/**
 * Stages of a design: u_j = w₀ + wₐ·j, rounded to w₀·wₘᵏ with whole k and then to a multiple of 8; blocks of equal
 * width are a stage; at last each width is fitted to whole groups.
 */
export function regnetStages({ depth, initialWidth, slope, multiplier, groupWidth }: RegNetDesign) {
  const widths: number[] = [];
  const depths: number[] = [];
  let current = 0;
  for (let j = 0; j < depth; j++) {
    const k = Math.round(Math.log((initialWidth + slope * j) / initialWidth) / Math.log(multiplier));
    const width = 8 * Math.round((initialWidth * multiplier ** k) / 8);
    if (width !== current) {
      widths.push(groupWidth * Math.max(1, Math.floor(width / groupWidth + 0.5)));
      depths.push(0);
      current = width;
    }
    depths[depths.length - 1]!++;
  }
  return { widths, depths };
}

/** x [N, 3, H, W] → pooled features [N, last width]. */
export const regnet = (x: Tensor, scope: Scope, config: RegNetConfig): Tensor =>
  globalAveragePool(regnetMaps(x, scope, config).at(-1)!);

/** x [N, 3, H, W] → what each stage gives, [N, its width, h, w]. */
export function regnetMaps(x: Tensor, scope: Scope, config: RegNetConfig): Tensor[] {
  const { stem, widths, depths } = config;
  const { width: channels, kernel, stride, padding = kernel >> 1 } = stem;
  let y = relu(scope.convNorm(x, { conv: "stem.0", norm: "stem.1" }, { channels, kernel, stride, padding }));
  if (stem.maxPool) y = maxPool2d(y, { kernel: 3, stride: 2, padding: 1 });
  return widths.map((width, stage) => {
    for (let n = 0; n < depths[stage]!; n++) {
      y = regnetBlock(
        y,
        scope,
        `trunk_output.block${stage + 1}.block${stage + 1}-${n}`,
        width,
        n === 0 ? 2 : 1,
        config,
      );
    }
    return y;
  });
}

function regnetBlock(
  x: Tensor,
  scope: Scope,
  name: string,
  channels: number,
  stride: number,
  { groupWidth, squeeze }: RegNetConfig,
): Tensor {
  const unit = (t: Tensor, part: string, layer: { kernel: number; stride?: number; groups?: number }) =>
    scope.convNorm(t, { conv: `${name}.${part}.0`, norm: `${name}.${part}.1` }, { channels, ...layer });
  const inputs = x.shape[1]!;
  const shortcut = stride === 1 && inputs === channels ? x : unit(x, "proj", { kernel: 1, stride });
  let y = relu(unit(x, "f.a", { kernel: 1 }));
  y = relu(unit(y, "f.b", { kernel: 3, stride, groups: channels / groupWidth }));
  if (squeeze > 0) y = squeezeExcitation(y, scope, `${name}.f.se`, Math.round(squeeze * inputs));
  return relu(add(shortcut, unit(y, "f.c", { kernel: 1 })));
}

/**
 * Scales each channel of x [N, C, H, W] by a number in 0..1 that two small layers read from the means of all channels.
 */
function squeezeExcitation(x: Tensor, scope: Scope, name: string, inner: number): Tensor {
  const layer = (t: Tensor, part: string, outputs: number) => {
    const weight = scope.parameter(`${name}.${part}.weight`, [outputs, t.shape[1]!, 1, 1], "he-fan-out");
    return conv2d(t, weight, {}, scope.parameter(`${name}.${part}.bias`, [outputs], "zeros"));
  };
  const means = reduceMean(x, [2, 3], { keepDims: true }); // [N, C, 1, 1]
  return mul(x, sigmoid(layer(relu(layer(means, "fc1", inner)), "fc2", x.shape[1]!)));
}
