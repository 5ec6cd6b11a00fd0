// A trained encoder → encoder.onnx, batch norm folded, checked against the training graph before anything is written.

import { AppError } from "../../core/errors.ts";
import { InferenceSession, Tensor } from "../../core/onnxruntime.ts";
import type { TrainingConfig } from "../config/schema.ts";
import { compile, input, serialize } from "../graph/index.ts";
import { denseEncoder, type Embedding, embeddingEncoder } from "../network/encoder.ts";
import type { HeadConfig } from "../network/heads.ts";
import { evaluationScope, foldedScope, once } from "../network/scope.ts";
import { halveWeights } from "./half-precision.ts";

/** Number formats of the weights in the file. */
export const PRECISIONS = ["float32", "float16"] as const;
/** One of {@link PRECISIONS}. */
export type WeightPrecision = (typeof PRECISIONS)[number];

/** Largest difference of an entry of an embedding between trained and exported encoder. */
export const EXPORT_TOLERANCE: Readonly<Record<WeightPrecision, number>> = { float32: 1e-4, float16: 1e-2 };

/** Reads a tensor of the query encoder by its name without prefix. */
export type ReadTensor = (name: string) => Float32Array;

/** The exported encoder. */
export interface ExportedEncoder {
  readonly onnx: Uint8Array;
  readonly dimensions: number;
  /** Its embedding in words, for the card. */
  readonly description: string;
  /** Largest difference to the encoder of the training graph on the check images. */
  readonly difference: number;
}

type ExportedConfig = Pick<TrainingConfig, "architecture" | "imageSize"> & HeadConfig;

/**
 * Exports the embedding encoder, for any batch size.
 *
 * @param check Normalised images [N, 3, S, S] on which trained and exported encoder must agree.
 * @param options.embedding @default pooled features
 * @param options.precision @default "float32"
 * @throws AppError `invalid_model` where they differ by more than {@link EXPORT_TOLERANCE}: nothing should be written
 *   then.
 */
export async function exportEncoder(
  config: ExportedConfig,
  read: ReadTensor,
  check: Float32Array,
  {
    embedding = { kind: "features" },
    precision = "float32",
  }: { embedding?: Embedding; precision?: WeightPrecision } = {},
): Promise<ExportedEncoder> {
  const S = config.imageSize;
  const folded = denseEncoder(input("pixels", [1, 3, S, S]), foldedScope(read), config, embedding);
  const free = { 0: "N" };
  const full = serialize({ ...folded }, { symbolicDims: { pixels: free, embedding: free, cells: free } });
  const onnx = precision === "float16" ? halveWeights(full) : full;
  const count = check.length / (3 * S * S);
  const dimensions = folded.embedding.shape[1]!;
  const expected = await evaluate(config, read, check, embedding);
  const session = await InferenceSession.create(onnx, { logSeverityLevel: 3 });
  const { embedding: exported } = await session.run({ pixels: new Tensor("float32", check, [count, 3, S, S]) });
  const actual = exported!.data as Float32Array;
  await session.release();
  const difference = expected.reduce((worst, v, i) => {
    const apart = Math.abs(v - actual[i]!);
    return apart > worst || Number.isNaN(apart) ? apart : worst;
  }, 0);
  const tolerance = EXPORT_TOLERANCE[precision];
  if (!(difference <= tolerance)) {
    throw new AppError(
      "invalid_model",
      `Expected the exported encoder to agree with the trained one to ${tolerance} but they differ by ${difference}. Nothing was exported; train on, or start again with a smaller learning rate.`,
    );
  }
  return { onnx, dimensions, description: inWords(embedding, dimensions), difference };
}

function inWords(embedding: Embedding, dimensions: number): string {
  if (embedding.kind === "projection") return "projection";
  if (embedding.kind === "features") return "pooled features";
  const layout = embedding.layout ? `, layout ${embedding.layout}` : "";
  return `pooled features whitened to ${dimensions} dimensions${layout}`;
}

/** Embeddings of the encoder in the training graph, with running statistics. */
async function evaluate(
  config: ExportedConfig,
  read: ReadTensor,
  pixels: Float32Array,
  embedding: Embedding,
): Promise<Float32Array> {
  const S = config.imageSize;
  const x = input("pixels", [pixels.length / (3 * S * S), 3, S, S]);
  const names: string[] = [];
  const scope = evaluationScope(
    once((spec) => {
      names.push(spec.name);
      return input(spec.name, spec.shape);
    }),
  );
  const graph = await compile({ embedding: embeddingEncoder(x, scope, config, embedding) });
  const results = await graph.run({ pixels, ...Object.fromEntries(names.map((name) => [name, read(name)])) });
  await graph.release();
  return results.embedding as Float32Array;
}
