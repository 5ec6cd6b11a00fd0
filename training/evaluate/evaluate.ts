// How good is a model? Its frozen embeddings of labelled images, by several protocols, beside two baselines.
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { openEncoder } from "../../core/encoder-session.ts";
import { AppError } from "../../core/errors.ts";
import { describeLeftOut } from "../../core/find-images.ts";
import type { Fit } from "../../core/fit.ts";
import { sha256 } from "../../core/hash.ts";
import type { Model } from "../../core/model.ts";
import { WEIGHTS_FILE } from "../../core/model-folder.ts";
import { type Dataset, openDataset } from "../data/dataset.ts";
import { readWeights } from "../run/warm-start.ts";
import { type Embed, embedDataset } from "./embed-dataset.ts";
import { knn } from "./knn.ts";
import { linearProbe } from "./linear-probe.ts";
import { embedPixels } from "./pixels.ts";
import { type RetrievalResult, retrieval } from "./retrieval.ts";
import type { LabelledEmbeddings } from "./similarities.ts";
import { untrainedEncoder } from "./untrained.ts";

/** Ways to measure embeddings with labels: see knn.ts, linear-probe.ts and retrieval.ts. */
export const PROTOCOLS = ["knn", "linear", "retrieval"] as const;
export type Protocol = (typeof PROTOCOLS)[number];

/** Results by protocol; those that were not asked for are missing. */
export interface Measures {
  readonly knn?: { readonly top1: number };
  readonly linear?: { readonly top1: number };
  readonly retrieval?: RetrievalResult;
}

/** The measures of a model and of the baselines. */
export interface Evaluation extends Measures {
  readonly baselines: {
    /** Correlation of raw pixels, of images of at most 32 × 32. */
    readonly pixels: Measures;
    /** The same architecture with fresh weights; left out where the architecture is not known. */
    readonly untrained?: Measures;
  };
  /** Speed of the encoder, without decoding. */
  readonly imagesPerSecond: number;
  /** Measures that are missing, with the reason. */
  readonly notes: readonly string[];
}

/** Measures for a model's card: shares of 1. */
export function measuresByName({ knn, linear, retrieval }: Measures): Record<string, number> {
  return {
    ...(knn && { knn: knn.top1 }),
    ...(linear && { linear: linear.top1 }),
    ...(retrieval && { recallAt1: retrieval.recallAt1, recallAt10: retrieval.recallAt10, mAP: retrieval.mAP }),
  };
}

/** Options of {@link evaluate}. */
export interface EvaluateOptions {
  /** Labelled images to learn and to find neighbours from, as `openDataset` takes them. */
  readonly train: readonly string[];
  /** Labelled images to be recognised. */
  readonly test: readonly string[];
  /** @default all of them */
  readonly protocols?: readonly Protocol[];
  readonly cacheFolder?: string;
  /** @default every core */
  readonly threads?: number;
  /** What is being done, such as "embedding", and how far it is. */
  readonly onProgress?: (what: string, done: number, total: number | undefined) => void;
}

/** Larger side of the images that raw pixels are compared on: more would only cost memory. */
const PIXELS_SIDE = 32;

/**
 * Evaluates a model with frozen weights; its files are checked to be the same bytes afterwards.
 *
 * @throws AppError `invalid_dataset` where the images cannot be read or have no labels, `invalid_model`.
 */
export async function evaluate(model: Model, options: EvaluateOptions): Promise<Evaluation> {
  const before = await fingerprint(model);
  const { card } = model;
  const { width, height, fit } = card.input;
  const notes = new Set<string>();
  const opened: Dataset[] = [];
  try {
    const [train, test] = [await open(options.train, card.input), await open(options.test, card.input)];
    const encoder = await openEncoder(model, options.threads ? { threads: options.threads } : {});
    const began = performance.now();
    const own = await embedBoth("the model", encoder.embed, train, test);
    const imagesPerSecond = (1000 * (train.count + test.count)) / (performance.now() - began);
    await encoder.close();
    const measures = await measure("the model", own);

    const untrained = await readWeights(model).catch((error: unknown) => {
      if (!(error instanceof AppError)) throw error;
      notes.add(`There is no untrained encoder beside it: ${error.message}`);
    });
    let fresh: Measures | undefined;
    if (untrained) {
      const baseline = await untrainedEncoder(untrained.config, card.input);
      fresh = await measure("untrained", await embedBoth("untrained", baseline.embed, train, test));
      await baseline.close();
    }

    const pixels = await pixelBaseline();
    if ((await fingerprint(model)) !== before) {
      throw new AppError(
        "invalid_model",
        `The files of model "${card.name}" changed while it was evaluated. Start again.`,
      );
    }
    return {
      ...measures,
      baselines: { pixels, ...(fresh && { untrained: fresh }) },
      imagesPerSecond,
      notes: [...notes],
    };
  } finally {
    for (const dataset of opened) await dataset.close();
  }

  async function open(paths: readonly string[], shape: { width: number; height: number; fit: Fit }) {
    const dataset = await openDataset(paths, shape, {
      ...(options.cacheFolder && { cacheFolder: options.cacheFolder }),
      onProgress: ({ done, total }) => options.onProgress?.("reading images", done, total),
    });
    opened.push(dataset);
    const { count, corrupt, leftOut } = dataset;
    if (corrupt.length + leftOut.length > 0) {
      notes.add(
        `${paths.join(", ")}: ${count} images, ${corrupt.length} that cannot be decoded, ${describeLeftOut(leftOut)}.`,
      );
    }
    if (dataset.labels) return dataset;
    throw new AppError(
      "invalid_dataset",
      `Expected every image of ${paths.join(", ")} to have a label, the name of the folder that it is in, but some have none. Put the images of each label into a folder of its own.`,
    );
  }

  async function embedBoth(what: string, embed: Embed, first: Dataset, second: Dataset) {
    const total = first.count + second.count;
    const labelled = async (dataset: Dataset, before: number): Promise<LabelledEmbeddings> => ({
      embeddings: await embedDataset(dataset, embed, {
        onProgress: (done) => options.onProgress?.(`embedding, ${what}`, before + done, total),
      }),
      labels: dataset.labels!,
    });
    return { database: await labelled(first, 0), queries: await labelled(second, first.count) };
  }

  async function measure(
    what: string,
    { queries, database }: Awaited<ReturnType<typeof embedBoth>>,
  ): Promise<Measures> {
    const asked = options.protocols ?? PROTOCOLS;
    const onProgress = (done: number, total: number) => options.onProgress?.(`linear probe, ${what}`, done, total);
    const probe = { onProgress, ...(options.threads && { threads: options.threads }) };
    return {
      ...(asked.includes("knn") && { knn: await knn(queries, database) }),
      ...(asked.includes("linear") && { linear: await linearProbe(queries, database, probe) }),
      ...(asked.includes("retrieval") && { retrieval: await retrieval(queries, database) }),
    };
  }

  async function pixelBaseline(): Promise<Measures> {
    const small = { width: Math.min(width, PIXELS_SIDE), height: Math.min(height, PIXELS_SIDE), fit };
    const both = await embedBoth(
      "pixels",
      embedPixels,
      await open(options.train, small),
      await open(options.test, small),
    );
    return measure("pixels", both);
  }
}

/** SHA-256 of the encoder's tensors as they are on disk: encoder.onnx, and the weights where it has them. */
async function fingerprint({ onnxPath }: Model): Promise<string> {
  const weights = await readFile(join(dirname(onnxPath), WEIGHTS_FILE)).catch(() => Buffer.alloc(0));
  return sha256(sha256(await readFile(onnxPath)) + sha256(weights));
}
