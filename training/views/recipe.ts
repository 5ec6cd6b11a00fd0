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
  /** Solarisation, after the blur: probability that values from a half on are turned round. */
  solarize: probability.optional(),
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

/** Several small queries for one key. */
export const smallQueriesSchema = z.strictObject({
  count: z.int().positive(),
  /** Side, pixels. */
  size: z.int().min(8),
  /** Share of the area. */
  cropScale: viewRecipeSchema.shape.cropScale,
  /** The averages of every two of them are queries too. @default false */
  pairs: z.boolean().optional(),
});

/** What the views of a run depend on. */
interface ViewSettings {
  readonly imageSize: number;
  readonly views: ViewRecipe;
  readonly keyViews?: ViewRecipe | undefined;
  readonly smallQueries?: z.infer<typeof smallQueriesSchema> | undefined;
}

/** A query and a key of full size: the views that encoders are measured with. */
export const pairViews = ({ imageSize, views, keyViews = views }: ViewSettings) =>
  [
    { name: "query", size: imageSize, recipe: views },
    { name: "key", size: imageSize, recipe: keyViews },
  ] as const satisfies readonly ViewSpec[];

/**
 * The views that a step draws of each image, in the order in which they are drawn: one query or several, then the
 * `key`.
 */
export function runViews(settings: ViewSettings): readonly ViewSpec[] {
  const [query, key] = pairViews(settings);
  if (!settings.smallQueries) return [query, key];
  const { count, size, cropScale } = settings.smallQueries;
  const recipe = { ...settings.views, cropScale };
  return [...Array.from({ length: count }, (_, v) => ({ name: `query${v}`, size, recipe })), key];
}
