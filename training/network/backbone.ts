// The networks that can be trained: the families behind one function, and the well-known members by name.
import { reshapeItems, type Tensor } from "../graph/index.ts";
import { type RegNetConfig, type RegNetDesign, regnet, regnetMaps, regnetStages } from "./regnet.ts";
import { type ResNetConfig, resnet, resnetMaps, type Stem } from "./resnet.ts";
import type { Scope } from "./scope.ts";
import { type ViTConfig, vit } from "./vit.ts";

/** A network of any family; `block` tells which. */
export type Architecture = ResNetConfig | RegNetConfig | ViTConfig;

/** x [N, 3, H, W] → pooled features [N, last width]; of a transformer its class token. */
export function backbone(x: Tensor, scope: Scope, architecture: Architecture): Tensor {
  if (architecture.block === "vit") return vit(x, scope, architecture);
  return architecture.block === "regnet" ? regnet(x, scope, architecture) : resnet(x, scope, architecture);
}

/** x [N, 3, H, W] → what each stage gives, [N, its width, h, w]; of a transformer the class token, of one place. */
export function backboneMaps(x: Tensor, scope: Scope, architecture: Architecture): Tensor[] {
  if (architecture.block === "vit") {
    return [reshapeItems(vit(x, scope, architecture), [architecture.widths[0]!, 1, 1])];
  }
  return architecture.block === "regnet" ? regnetMaps(x, scope, architecture) : resnetMaps(x, scope, architecture);
}

/** The network in words, for the model card. */
export function describeArchitecture(architecture: Architecture): string {
  const { block, widths, depths } = architecture;
  if (block === "vit")
    return `ViT, width ${widths}, ${depths} blocks of ${architecture.heads} heads, patches of ${architecture.patch} pixels`;
  const family = block !== "regnet" ? `ResNet (${block})` : architecture.squeeze > 0 ? "RegNetY" : "RegNetX";
  return `${family}, widths ${widths}, depths ${depths}`;
}

/** Networks that have a name. */
export const ARCHITECTURE_NAMES = [
  "small",
  "small-3",
  "resnet18",
  "resnet50",
  "regnetx-200mf",
  "regnetx-400mf",
  "regnety-200mf",
  "regnety-400mf",
  "vit-small",
] as const;

/** One of {@link ARCHITECTURE_NAMES}. */
export type ArchitectureName = (typeof ARCHITECTURE_NAMES)[number];

/** Images up to this side, pixels, get a first layer of 3×3 that keeps the resolution, as is usual on CIFAR. */
const SMALL_IMAGE = 64;

/** The network of that name for square images of `imageSize` pixels. */
export function namedArchitecture(name: ArchitectureName, imageSize: number): Architecture {
  const isSmall = imageSize <= SMALL_IMAGE;
  const resnetStem: Stem = isSmall
    ? { width: 64, kernel: 3, stride: 1, maxPool: false }
    : { width: 64, kernel: 7, stride: 2, maxPool: true };
  const regnetOf = (design: RegNetDesign, squeeze: number): RegNetConfig => ({
    block: "regnet",
    ...regnetStages(design),
    groupWidth: design.groupWidth,
    squeeze,
    stem: { width: 32, kernel: 3, stride: isSmall ? 1 : 2, maxPool: false },
  });
  switch (name) {
    case "small": // the first layer halves the image: early on, images a minute count for more than detail
      return {
        block: "basic",
        widths: [32, 64, 128, 256],
        depths: [1, 1, 1, 1],
        stem: { width: 32, kernel: 3, stride: 2, maxPool: false },
      };
    case "small-3": // one stage less: a faster step, and features of 4×4 places of an image of 32×32 instead of 2×2
      return {
        block: "basic",
        widths: [32, 64, 256],
        depths: [1, 1, 1],
        stem: { width: 32, kernel: 3, stride: 2, maxPool: false },
      };
    case "resnet18":
      return { block: "basic", widths: [64, 128, 256, 512], depths: [2, 2, 2, 2], stem: resnetStem };
    case "resnet50":
      return { block: "bottleneck", widths: [256, 512, 1024, 2048], depths: [3, 4, 6, 3], stem: resnetStem };
    case "vit-small": // as in MoCo v3: 12 heads, where others have 6
      return {
        block: "vit",
        widths: [384],
        depths: [12],
        heads: 12,
        patch: isSmall ? 4 : 16,
        hidden: 4 * 384,
        layerScale: false,
        positions: "sin-cos",
        frozenPatches: true,
      };
    case "regnetx-200mf":
      return regnetOf({ depth: 13, initialWidth: 24, slope: 36.44, multiplier: 2.49, groupWidth: 8 }, 0);
    case "regnetx-400mf":
      return regnetOf({ depth: 22, initialWidth: 24, slope: 24.48, multiplier: 2.54, groupWidth: 16 }, 0);
    case "regnety-200mf":
      return regnetOf({ depth: 13, initialWidth: 24, slope: 36.44, multiplier: 2.49, groupWidth: 8 }, 0.25);
    case "regnety-400mf":
      return regnetOf({ depth: 16, initialWidth: 48, slope: 27.89, multiplier: 2.09, groupWidth: 8 }, 0.25);
  }
}
