// A training that this server runs on its collection, as users see it.
import { z } from "zod";
import { TRAINING_STATES } from "./training-state.ts";

/** How far a training is. */
const progressSchema = z.strictObject({
  /** 0..1 */
  fraction: z.number(),
  /** Each image counts as often as it was seen. */
  imagesSeen: z.int(),
  /** Since the training began or was resumed. */
  imagesPerSecond: z.number(),
  /** Missing where it does not run. */
  secondsLeft: z.number().optional(),
});

/** The mean over a stretch of the training that ends with `imagesSeen`. */
const curvePointSchema = z.strictObject({
  imagesSeen: z.int(),
  loss: z.number(),
  /** Share of images whose own other view was nearer than every negative, 0..1. */
  ownKeyFound: z.number(),
  /** kNN accuracy by the labels, 0..1, where it was measured in this stretch. */
  knn: z.number().optional(),
});

export type CurvePoint = Readonly<z.infer<typeof curvePointSchema>>;

/** What the log of a run says of it. */
const courseShape = {
  /** Missing before the first step. */
  progress: progressSchema.optional(),
  /** At most 300 points, each of as many steps but the last. */
  curve: z.array(curvePointSchema),
  /** How it goes, or went, in words; missing before the first measurement. `state` is one word for it. */
  verdict: z.strictObject({ state: z.string(), message: z.string() }).optional(),
};

export const courseSchema = z.strictObject(courseShape);

export type Course = Readonly<z.infer<typeof courseSchema>>;

export const trainingSchema = z
  .strictObject({
    /** Also the name of its model. */
    name: z.string(),
    state: z.enum(TRAINING_STATES),
    createdAt: z.iso.datetime(),
    updatedAt: z.iso.datetime(),
    /** How many it learns from: the distinct ones when it began. */
    images: z.int(),
    /** How long it was to learn. */
    minutes: z.number(),
    threads: z.int(),
    /** The model whose weights it began with. */
    begunFrom: z.string().optional(),
    ...courseShape,
    /** What there is to look at: `report.html`, `views.png`, and `neighbours-<images seen>.png` of some measures. */
    files: z.array(z.string()),
    /** The name of its model, where it is done. */
    model: z.string().optional(),
    /** Why it failed. */
    error: z.string().optional(),
  })
  .meta({ id: "Training" });

export type TrainingView = Readonly<z.infer<typeof trainingSchema>>;

export const trainingListSchema = z.strictObject({
  /** Newest first. */
  trainings: z.array(trainingSchema),
  /** Whether this server starts trainings. */
  enabled: z.boolean(),
});

export type TrainingList = Readonly<z.infer<typeof trainingListSchema>>;
