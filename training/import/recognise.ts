// The architecture of an encoder, from the names and shapes of its tensors.
import type { Architecture } from "../network/backbone.ts";
import type { Stem } from "../network/resnet.ts";
import { refusal } from "./file/byte-file.ts";
import type { FileTensor } from "./file/tensor.ts";
import type { FoundNetwork } from "./homes.ts";
import type { NamedTensors, Trainer } from "./layouts.ts";

/** What names and shapes do not tell. */
export interface ArchitectureOptions {
  /** Stride of the first convolution. @default 1 for a kernel of 3 of a ResNet, otherwise 2 */
  readonly stemStride?: number;
  /** Max pooling after it. @default for a kernel of 7 */
  readonly stemPool?: boolean;
  /** Heads of a transformer's attention. @default 12 of MoCo v3, otherwise one for 64 channels */
  readonly heads?: number;
}

/**
 * The architecture of a network.
 *
 * @throws AppError `invalid_checkpoint` where its tensors are not those of one that is known.
 */
export function recogniseArchitecture(
  { tensors, trainer }: FoundNetwork,
  options: ArchitectureOptions = {},
): Architecture {
  if (tensors.has("patch_embed.proj.weight")) return vitOf(tensors, trainer, options);
  return tensors.has("stem.0.weight") ? regnetOf(tensors, options) : resnetOf(tensors, trainer, options);
}

function resnetOf(tensors: NamedTensors, trainer: Trainer, options: ArchitectureOptions): Architecture {
  const stem = stemOf(tensors, "conv1.weight", options);
  const blocks = blocksOf(tensors, (stage, n) => `layer${stage}.${n}.conv1.weight`);
  const isBottleneck = tensors.has("layer1.0.conv3.weight");
  const widths = blocks.map((_, s) => outputs(tensors, `layer${s + 1}.0.conv${isBottleneck ? 3 : 2}.weight`));
  // solo-learn's small images have two pixels of zeros around them.
  const padding = trainer === "solo-learn" && stem.kernel === 3 ? { padding: 2 } : {};
  const common = { widths, depths: blocks, stem: { ...stem, ...padding } };
  if (!isBottleneck) return { block: "basic", ...common };
  const [inner, perGroup] = shapeOf(tensors, "layer1.0.conv2.weight") as [number, number];
  const [expansion, groups] = [widths[0]! / inner, inner / perGroup];
  return {
    block: "bottleneck",
    ...common,
    ...(expansion !== 4 && { expansion }),
    ...(groups !== 1 && { groups }),
  };
}

function regnetOf(tensors: NamedTensors, { stemStride = 2, stemPool = false }: ArchitectureOptions): Architecture {
  const block = (stage: number, n: number) => `trunk_output.block${stage}.block${stage}-${n}`;
  const depths = blocksOf(tensors, (stage, n) => `${block(stage, n)}.f.a.0.weight`);
  const stem = stemOf(tensors, "stem.0.weight", { stemStride, stemPool });
  const squeezed = tensors.get(`${block(1, 0)}.f.se.fc1.weight`)?.shape;
  return {
    block: "regnet",
    widths: depths.map((_, s) => outputs(tensors, `${block(s + 1, 0)}.f.a.0.weight`)),
    depths,
    groupWidth: shapeOf(tensors, `${block(1, 0)}.f.b.0.weight`)[1]!,
    squeeze: squeezed ? squeezed[0]! / stem.width : 0,
    stem,
  };
}

function vitOf(tensors: NamedTensors, trainer: Trainer, options: ArchitectureOptions): Architecture {
  const [width, , patch] = shapeOf(tensors, "patch_embed.proj.weight") as [number, number, number];
  let depth = 1;
  while (tensors.has(`blocks.${depth}.attn.qkv.weight`)) depth++;
  return {
    block: "vit",
    widths: [width],
    depths: [depth],
    heads: options.heads ?? (trainer === "moco-v3" ? 12 : Math.max(1, Math.round(width / 64))),
    patch,
    hidden: tensors.get("blocks.0.mlp.fc1.weight")?.shape[0] ?? 4 * width,
    layerScale: tensors.has("blocks.0.ls1.gamma"),
    ...(trainer === "moco-v3" && { positions: "sin-cos", frozenPatches: true }),
  };
}

function stemOf(tensors: NamedTensors, name: string, { stemStride, stemPool }: ArchitectureOptions): Stem {
  const [width, , kernel] = shapeOf(tensors, name) as [number, number, number];
  return { width, kernel, stride: stemStride ?? (kernel > 3 ? 2 : 1), maxPool: stemPool ?? kernel > 3 };
}

/** Blocks of each stage: stages are numbered from 1, blocks from 0. */
function blocksOf(tensors: NamedTensors, first: (stage: number, n: number) => string): number[] {
  const depths: number[] = [];
  for (let stage = 1; tensors.has(first(stage, 0)); stage++) {
    let n = 1;
    while (tensors.has(first(stage, n))) n++;
    depths.push(n);
  }
  return depths;
}

function shapeOf(tensors: NamedTensors, name: string): readonly number[] {
  const tensor = tensors.get(name);
  if (!tensor) throw refusal(`the network has no tensor ${name}`);
  if (tensor.shape.length !== 4) throw refusal(`the tensor ${name} of the network has the shape [${tensor.shape}]`);
  return tensor.shape;
}

const outputs = (tensors: NamedTensors, name: string): number => shapeOf(tensors, name)[0]!;

/**
 * Tensors beside the encoder in its own namespace: classifiers, projections, counters, the token for hidden patches.
 */
const BESIDE = /^(fc|head|heads|linear|classifier)\.|(^|\.)num_batches_tracked$|^mask_token$/;

/**
 * Holds a network against the tensors that its architecture has: all are there, of these shapes and of floating-point
 * numbers, and nothing else is.
 *
 * @throws AppError `invalid_checkpoint` that names the first tensor that does not fit.
 */
export function checkTensors(
  specs: readonly { readonly name: string; readonly shape: readonly number[] }[],
  tensors: NamedTensors,
): Map<string, FileTensor> {
  const used = new Map<string, FileTensor>();
  for (const { name, shape } of specs) {
    const tensor = tensors.get(name);
    if (tensor?.shape.join() !== shape.join()) {
      const found = tensor ? `has [${tensor.shape}]` : "is missing";
      throw refusal(`as an encoder of this architecture its tensor ${name} would be [${shape}] but ${found}`);
    }
    if (!/^(F|BF)/.test(tensor!.dtype)) throw refusal(`its tensor ${name} has the element type ${tensor!.dtype}`);
    used.set(name, tensor!);
  }
  const left = [...tensors.keys()].filter((name) => !used.has(name) && !BESIDE.test(name));
  if (left.length > 0) {
    throw refusal(
      `${left.length} of its tensors have no place in a network of this architecture: ${left.slice(0, 5).join(", ")}`,
    );
  }
  return used;
}
