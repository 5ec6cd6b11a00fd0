// Other libraries' names of a network's tensors, as torchvision's, which the networks here have too.
import { regnetFromTimm } from "../network/timm-names.ts";
import type { FileTensor } from "./file/tensor.ts";

/** Whose training a checkpoint is of. */
export type Trainer = "moco-v1" | "moco-v2" | "moco-v3" | "moco-cifar" | "lightly" | "solo-learn" | "dino" | "other";

/** Tensors of one network by their names without the prefix. */
export type NamedTensors = ReadonlyMap<string, FileTensor>;

/** A way to name a network's tensors. */
interface Layout {
  /** In words. */
  readonly name: string;
  /** Name of the first convolution's weight [width, 3, k, k], by which a network is found in a file. */
  readonly first: string;
  /** Another tensor of the same network, for certainty. */
  readonly second: string;
  /** torchvision's name of a tensor. */
  readonly rename: (name: string) => string;
  /** Whose training has such names, where nobody else's has. */
  readonly trainer?: Trainer;
}

/** The layouts that are known; the first that fits is taken. */
export const LAYOUTS: readonly Layout[] = [
  {
    name: "ResNet of torchvision or timm",
    first: "conv1.weight",
    second: "layer1.0.conv1.weight",
    rename: (name) => name.replace(/\.shortcut\./, ".downsample."), // so lightly's, where it is whole
  },
  {
    name: "lightly's ResNet as a Sequential",
    first: "0.weight",
    second: "2.0.conv1.weight",
    rename: (name) => sequential(name, 2).replace(/\.shortcut\./, ".downsample."),
  },
  {
    name: "ResNet of torchvision as a Sequential",
    first: "0.weight",
    second: "4.0.conv1.weight",
    rename: (name) => sequential(name, 4),
  },
  {
    name: "the authors' demo on CIFAR-10",
    first: "net.0.weight",
    second: "net.3.0.conv1.weight",
    rename: (name) => sequential(name.replace(/^net\./, ""), 3).replace(/^9\./, "fc."),
    trainer: "moco-cifar",
  },
  {
    name: "RegNet of torchvision",
    first: "stem.0.weight",
    second: "trunk_output.block1.block1-0.f.a.0.weight",
    rename: (name) => name,
  },
  {
    name: "ViT of timm",
    first: "patch_embed.proj.weight",
    second: "blocks.0.attn.qkv.weight",
    rename: (name) => name,
  },
  { name: "RegNet of timm", first: "stem.conv.weight", second: "s1.b1.conv1.conv.weight", rename: regnetFromTimm },
];

/** Names of a Sequential of a ResNet's parts, whose stages begin at `firstStage`. */
function sequential(name: string, firstStage: number): string {
  return name.replace(/^(\d+)\./, (whole, digits: string) => {
    const part = Number(digits);
    if (part < 2) return ["conv1.", "bn1."][part]!;
    const stage = part - firstStage + 1;
    return stage >= 1 && stage <= 4 ? `layer${stage}.` : whole;
  });
}
