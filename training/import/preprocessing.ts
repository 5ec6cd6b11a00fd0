// How an encoder from elsewhere was shown its images, as far as its training is known.
import type { EncoderInput } from "../../core/model-card.ts";
import type { Architecture } from "../network/backbone.ts";
import { encoderInput } from "../views/preprocessing.ts";
import type { Trainer } from "./layouts.ts";

const CIFAR_MEAN = [0.4914, 0.4822, 0.4465] as const;
/**
 * Standard deviations of CIFAR-10's pixels: the authors' demo has those of a mean over images, solo-learn the true
 * ones.
 */
const CIFAR_STD: Partial<Record<Trainer, readonly [number, number, number]>> = {
  "moco-cifar": [0.2023, 0.1994, 0.201],
  "solo-learn": [0.247, 0.2435, 0.2616],
};

/**
 * The input of an encoder: ImageNet's 224 pixels and normalisation, or for a network whose first layer keeps the
 * resolution CIFAR's 32 pixels, with the normalisation of its training.
 */
export function recogniseInput(architecture: Architecture, trainer: Trainer): EncoderInput {
  const { block } = architecture;
  const isSmall = block !== "regnet" && block !== "vit" && architecture.stem.stride === 1;
  const input = encoderInput(isSmall ? 32 : 224);
  const std = isSmall ? CIFAR_STD[trainer] : undefined;
  return std ? { ...input, mean: [...CIFAR_MEAN], std: [...std] } : input;
}
