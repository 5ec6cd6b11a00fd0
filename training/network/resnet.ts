// Residual networks (He et al. 2016) with torchvision's tensor names. Stride sits on the 3×3 convolution.
import { add, globalAveragePool, maxPool2d, relu, type Tensor } from "../graph/index.ts";
import type { ConvLayer, Scope } from "./scope.ts";

/** The first layer: a convolution, and pooling where asked. */
export interface Stem {
  readonly width: number;
  /** 3 for small images, 7 as on ImageNet. */
  readonly kernel: number;
  readonly stride: number;
  /** Zeros around the image, pixels. @default half the kernel */
  readonly padding?: number | undefined;
  /** 3×3 max pooling of stride 2 after the convolution. */
  readonly maxPool: boolean;
}

/** One residual network; stages after the first halve the resolution. */
export interface ResNetConfig {
  /** `basic`: two 3×3; `bottleneck`: 1×1, grouped 3×3, 1×1. */
  readonly block: "basic" | "bottleneck";
  /** Output channels of each stage. */
  readonly widths: readonly number[];
  /** Blocks of each stage. */
  readonly depths: readonly number[];
  readonly stem: Stem;
  /** Output channels ÷ inner channels of a bottleneck. @default 4 */
  readonly expansion?: number | undefined;
  /** Groups of a bottleneck's 3×3 convolution. @default 1 */
  readonly groups?: number | undefined;
  /** Each block begins as the identity: the scale of its last batch norm is 0 (Goyal et al., arXiv 1706.02677). */
  readonly zeroInitResidual?: boolean | undefined;
}

/** x [N, 3, H, W] → pooled features [N, last width]. */
export const resnet = (x: Tensor, scope: Scope, config: ResNetConfig): Tensor =>
  globalAveragePool(resnetMaps(x, scope, config).at(-1)!);

/** x [N, 3, H, W] → what each stage gives, [N, its width, h, w]. */
export function resnetMaps(x: Tensor, scope: Scope, config: ResNetConfig): Tensor[] {
  const { stem, widths, depths } = config;
  const { width: channels, kernel, stride, padding = kernel >> 1 } = stem;
  let y = relu(scope.convNorm(x, { conv: "conv1", norm: "bn1" }, { channels, kernel, stride, padding }));
  if (stem.maxPool) y = maxPool2d(y, { kernel: 3, stride: 2, padding: 1 });
  return widths.map((width, stage) => {
    for (let n = 0; n < depths[stage]!; n++) {
      y = residualBlock(y, scope, `layer${stage + 1}.${n}`, width, stage > 0 && n === 0 ? 2 : 1, config);
    }
    return y;
  });
}

function residualBlock(
  x: Tensor,
  scope: Scope,
  name: string,
  channels: number,
  stride: number,
  config: ResNetConfig,
): Tensor {
  const last = { scale: config.zeroInitResidual ? "zeros" : "ones" } as const;
  const unit = (t: Tensor, n: number, layer: ConvLayer) =>
    scope.convNorm(t, { conv: `${name}.conv${n}`, norm: `${name}.bn${n}` }, layer);
  let y: Tensor;
  if (config.block === "basic") {
    y = unit(relu(unit(x, 1, { channels, kernel: 3, stride })), 2, { channels, kernel: 3, ...last });
  } else {
    const inner = channels / (config.expansion ?? 4);
    y = relu(unit(x, 1, { channels: inner, kernel: 1 }));
    y = relu(unit(y, 2, { channels: inner, kernel: 3, stride, groups: config.groups ?? 1 }));
    y = unit(y, 3, { channels, kernel: 1, ...last });
  }
  if (stride === 1 && x.shape[1] === channels) return relu(add(y, x));
  const names = { conv: `${name}.downsample.0`, norm: `${name}.downsample.1` };
  return relu(add(y, scope.convNorm(x, names, { channels, kernel: 1, stride })));
}
