// Normalisation of pixels: the same in training and in the model card, which serving follows.
import type { EncoderInput } from "../../core/model-card.ts";
import type { Normalisation } from "./graph.ts";

/** Mean and standard deviation of ImageNet's pixels, as torchvision's models expect them. */
export const IMAGENET_NORMALISATION = {
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
} as const satisfies Normalisation;

/** The card's input for an encoder of square images: all of the short side, the middle of the long one. */
export function encoderInput(size: number, normalisation: Normalisation = IMAGENET_NORMALISATION): EncoderInput {
  const three = ([r, g, b]: readonly number[]): EncoderInput["mean"] => [r!, g!, b!];
  return { width: size, height: size, fit: "cover", mean: three(normalisation.mean), std: three(normalisation.std) };
}
