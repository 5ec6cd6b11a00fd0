// What views look like: the distribution that they are drawn from, and the views that a run draws of each image.
import { z } from "zod";

const probability = z.number().min(0).max(1);
const range = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low <= high, "expected the smaller number first")
  .readonly();

/** The distribution of views; names and meaning as in torchvision.transforms. */
export const viewRecipeSchema = z.strictObject({
  /** RandomResizedCrop: share of the area, from..to. Aspect ratio 3/4..4/3. */
  cropScale: range.refine(([low, high]) => low > 0 && high <= 1, "expected shares of the area, above 0 and at most 1"),
  /** RandomHorizontalFlip: probability. */
  flip: probability,
  /** ColorJitter: probability, and the largest change of each. */
  jitter: z.strictObject({
    probability,
    brightness: z.number().min(0),
    contrast: z.number().min(0),
    saturation: z.number().min(0),
    /** In turns, at most 0.5. */
    hue: z.number().min(0).max(0.5),
  }),
  /** RandomGrayscale: probability. */
  grey: probability,
  /** MoCo v1 takes the grey before the jitter; v2 after. */
  greyFirst: z.boolean(),
  /** GaussianBlur: probability and standard deviation in pixels, from..to. */
  blur: z.strictObject({ probability, sigma: range }),
});

/** A distribution of views. */
export type ViewRecipe = z.infer<typeof viewRecipeSchema>;

/** One view of every image of a batch. */
export interface ViewSpec<Name extends string = string> {
  /** The graph takes the view's matrices as `<name>.rows` and so on: see {@link viewsOf}. */
  readonly name: Name;
  /** Side S of the view, pixels. */
  readonly size: number;
  /** What it is drawn from; `whole` shows all of the image as it is. */
  readonly recipe: ViewRecipe | "whole";
}

/** The views that a run draws of each image, in the order in which they are drawn. */
export const runViews = ({ imageSize, views }: { imageSize: number; views: ViewRecipe }) =>
  [
    { name: "query", size: imageSize, recipe: views },
    { name: "key", size: imageSize, recipe: views },
  ] as const satisfies readonly ViewSpec[];
