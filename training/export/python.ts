// The lines of Python that build one of our networks with torchvision or timm.
import { AppError } from "../../core/errors.ts";
import type { TrainingConfig } from "../config/schema.ts";
import { type Architecture, namedArchitecture } from "../network/backbone.ts";
import type { RegNetConfig } from "../network/regnet.ts";
import type { ResNetConfig } from "../network/resnet.ts";
import type { ViTConfig } from "../network/vit.ts";

/** Libraries that weights are written for. */
export const LIBRARIES = ["torchvision", "timm"] as const;
/** One of {@link LIBRARIES}. */
export type Library = (typeof LIBRARIES)[number];

/** Inputs of 224 pixels name the networks as they are known there. */
const USUAL_SIDE = 224;

/**
 * Lines that build the network and load `file` into it, every tensor in its place; it gives pooled features.
 *
 * @throws AppError `invalid_configuration` where the library has no such network.
 */
export function pythonOf(
  { architecture, imageSize }: Pick<TrainingConfig, "architecture" | "imageSize">,
  library: Library,
  file: string,
): string {
  const build = linesOf(architecture, imageSize, library);
  return [
    `import ${library}`,
    "from safetensors.torch import load_file",
    "from torch import nn",
    ...build,
    `net.load_state_dict(load_file(${JSON.stringify(file)}), strict=True)`,
    "net.eval()",
  ].join("\n");
}

function linesOf(architecture: Architecture, imageSize: number, library: Library): string[] {
  switch (architecture.block) {
    case "regnet":
      return library === "timm" ? timmRegNet(architecture) : torchvisionRegNet(architecture);
    case "vit":
      if (library === "timm") return timmViT(architecture, imageSize);
      throw unknown("torchvision", "ResNets and RegNets; use --to timm for transformers");
    default:
      return library === "timm" ? timmResNet(architecture) : torchvisionResNet(architecture);
  }
}

function timmViT({ widths, depths, heads, patch, hidden, layerScale }: ViTConfig, imageSize: number): string[] {
  const [width, depth] = [widths[0]!, depths[0]!];
  return [
    "from timm.models.vision_transformer import VisionTransformer",
    `net = VisionTransformer(img_size=${imageSize}, patch_size=${patch}, embed_dim=${width}, depth=${depth}, num_heads=${heads}, mlp_ratio=${hidden} / ${width}, num_classes=0, init_values=${layerScale ? "1e-5" : "None"})`,
  ];
}

/** torchvision's ResNet with the widths of ours; `_make_layer` is how it makes its own stages. */
function torchvisionResNet(network: ResNetConfig): string[] {
  const { block, widths, depths, stem } = network;
  if (depths.length > 4 || (block === "bottleneck" && widths.some((width) => width % 4 !== 0))) {
    throw unknown(
      "torchvision",
      "ResNets of at most four stages, bottlenecks with widths of four times a whole number",
    );
  }
  const name = block === "basic" ? "BasicBlock" : "Bottleneck";
  const { groups, baseWidth } = bottleneckOf(network);
  const padded = [...depths, 1, 1, 1, 1].slice(0, 4);
  return [
    "from torchvision.models.resnet import BasicBlock, Bottleneck",
    `net = torchvision.models.ResNet(${name}, [${padded.join(", ")}], groups=${groups}, width_per_group=${baseWidth})`,
    `net.inplanes = ${stem.width}`,
    ...stemOf(stem),
    `net.bn1 = nn.BatchNorm2d(${stem.width})`,
    ...padded.map((depth, i) =>
      i < depths.length
        ? `net.layer${i + 1} = net._make_layer(${name}, ${planes(network)[i]}, ${depth}, stride=${i === 0 ? 1 : 2})`
        : `net.layer${i + 1} = nn.Identity()`,
    ),
    "net.fc = nn.Identity()",
  ];
}

function timmResNet(network: ResNetConfig): string[] {
  const { block, widths, depths, stem } = network;
  const fits = depths.length === 4 && stem.width === 64 && (block === "basic" || widths.every((w) => w % 4 === 0));
  if (!fits) throw unknown("timm", "ResNets of four stages whose first layer has 64 channels");
  const { groups, baseWidth } = bottleneckOf(network);
  return [
    "from timm.models.resnet import BasicBlock, Bottleneck, ResNet",
    `net = ResNet(${block === "basic" ? "BasicBlock" : "Bottleneck"}, (${depths.join(", ")}), channels=(${planes(network).join(", ")}), cardinality=${groups}, base_width=${baseWidth}, num_classes=0)`,
    ...stemOf(stem),
  ];
}

/** The first layer, where it is not the usual one. */
function stemOf({ width, kernel, stride, padding = kernel >> 1, maxPool }: ResNetConfig["stem"]): string[] {
  return [
    `net.conv1 = nn.Conv2d(3, ${width}, ${kernel}, ${stride}, ${padding}, bias=False)`,
    ...(maxPool ? [] : ["net.maxpool = nn.Identity()"]),
  ];
}

/** Both libraries count a stage's width in planes, of which a bottleneck gives four times as many. */
const planes = ({ block, widths }: ResNetConfig): number[] => widths.map((w) => (block === "basic" ? w : w / 4));

/** Inner channels of a bottleneck are planes · baseWidth / 64 · groups. */
function bottleneckOf({ block, expansion = 4, groups = 1 }: ResNetConfig) {
  return block === "basic" ? { groups: 1, baseWidth: 64 } : { groups, baseWidth: (64 * 4) / expansion / groups };
}

function torchvisionRegNet({ widths, depths, groupWidth, squeeze, stem }: RegNetConfig): string[] {
  if (stem.kernel !== 3 || stem.maxPool) throw unknown("torchvision", "RegNets with a first layer of 3×3");
  const list = (values: readonly unknown[]) => `[${values.join(", ")}]`;
  const each = (value: unknown) => list(widths.map(() => value));
  return [
    "from torchvision.models.regnet import BlockParams, RegNet",
    `params = BlockParams(${list(depths)}, ${list(widths)}, ${each(groupWidth)}, ${each("1.0")}, ${each(2)}, ${squeeze || "None"})`,
    `net = RegNet(params, stem_width=${stem.width})`,
    ...(stem.stride === 2 ? [] : [`net.stem[0].stride = (${stem.stride}, ${stem.stride})`]),
    "net.fc = nn.Identity()",
  ];
}

/** The RegNets of a name here by timm's; its regnetx_004 has other widths than torchvision's and ours. */
const TIMM_REGNETS = [
  ["regnetx-200mf", "regnetx_002"],
  ["regnetx-400mf", "regnetx_004_tv"],
  ["regnety-200mf", "regnety_002"],
  ["regnety-400mf", "regnety_004"],
] as const;

/** timm makes RegNets from their design, so those that have a name are found by it. */
function timmRegNet(network: RegNetConfig): string[] {
  const shape = ({ widths, depths, ...rest }: RegNetConfig) => [widths, depths, rest.groupWidth, rest.squeeze].join();
  const [, name] =
    TIMM_REGNETS.find(([ours]) => shape(namedArchitecture(ours, USUAL_SIDE) as RegNetConfig) === shape(network)) ?? [];
  const { stem } = network;
  if (!name || stem.kernel !== 3 || stem.width !== 32 || stem.maxPool) {
    throw unknown("timm", "the RegNets of 200 and 400 megaflops");
  }
  return [
    `net = timm.create_model("${name}", num_classes=0)`,
    ...(stem.stride === 2 ? [] : [`net.stem.conv.stride = (${stem.stride}, ${stem.stride})`]),
  ];
}

function unknown(library: Library, networks: string): AppError {
  const other = library === "timm" ? " Use --to torchvision, whose ResNets and RegNets take any widths." : "";
  return new AppError(
    "invalid_configuration",
    `Expected a network that ${library} has, of which weights are written for ${networks}, but this is another.${other}`,
  );
}
