// What is published about encoders that are widely used, to stand beside an import. Linear classification on ImageNet.
import type { Architecture } from "../network/backbone.ts";
import type { Trainer } from "./layouts.ts";

/** Whose training, in words. */
export const TRAINERS: Readonly<Record<Trainer, string>> = {
  "moco-v1": "the authors' MoCo v1",
  "moco-v2": "the authors' MoCo v2",
  "moco-v3": "the authors' MoCo v3",
  "moco-cifar": "the authors' demo on CIFAR-10",
  lightly: "lightly",
  "solo-learn": "solo-learn",
  dino: "DINO's teacher",
  other: "a network by itself",
};

/** Accuracies of ResNet-50 in percent by epochs: the READMEs of facebookresearch/moco and facebookresearch/moco-v3. */
const RESNET50: Partial<Record<Trainer, Readonly<Record<number, number>>>> = {
  "moco-v1": { 200: 60.6 },
  "moco-v2": { 200: 67.7, 800: 71.1 },
  "moco-v3": { 100: 68.9, 300: 72.8, 1000: 74.6 },
};

/** Accuracies of MoCo v3's transformers of patches of 16 pixels after 300 epochs, in percent, by the width. */
const MOCO_V3_VIT: Readonly<Record<number, { readonly name: string; readonly accuracy: number }>> = {
  384: { name: "ViT-S", accuracy: 73.2 },
  768: { name: "ViT-B", accuracy: 76.7 },
};

/** A sentence for the card, where the encoder may be one of the authors' own. */
export function publishedAccuracy(architecture: Architecture, trainer: Trainer, epochs?: number): string | undefined {
  const { name, table } = publishedOf(architecture, trainer) ?? {};
  const known = Object.entries(table ?? {}).filter(([after]) => epochs === undefined || Number(after) === epochs);
  if (known.length === 0) return undefined;
  const figures = known.map(([after, accuracy]) => `${accuracy} % after ${after} epochs`).join(", ");
  return `linear classification on ImageNet, ${name} of ${TRAINERS[trainer]}: ${figures}`;
}

function publishedOf(architecture: Architecture, trainer: Trainer) {
  const { block, widths, depths } = architecture;
  if (block === "bottleneck" && widths.join() === "256,512,1024,2048" && depths.join() === "3,4,6,3") {
    return { name: "ResNet-50", table: RESNET50[trainer] };
  }
  if (trainer !== "moco-v3" || block !== "vit" || depths[0] !== 12 || architecture.patch !== 16) return undefined;
  const { name, accuracy } = MOCO_V3_VIT[widths[0]!] ?? {};
  return name ? { name, table: { 300: accuracy } } : undefined;
}
