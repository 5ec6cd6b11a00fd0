// A tiny real encoder: average pooling to 4 × 4, flatten, a seeded random projection, unit norm.
import onnxProto, { type onnx } from "onnx-proto";
import { sha256 } from "../core/hash.ts";
import type { Model } from "../core/model.ts";
import type { ModelCard } from "../core/model-card.ts";
import { writeModel } from "../core/model-folder.ts";

const { AttributeProto, GraphProto, ModelProto, TensorProto } = onnxProto.onnx;

/** What tells two tiny models apart. */
export interface TinyModelOptions {
  /** @default 1 */
  readonly seed?: number;
  /** Length of an embedding. @default 16 */
  readonly dimensions?: number;
  /** Width and height of the input, a multiple of 4. @default 16 */
  readonly size?: number;
  /**
   * The norm of its embeddings; an encoder must have 1. Nodes: what they make of it as their output "norm".
   *
   * @default 1
   */
  readonly norm?: number | readonly onnx.INodeProto[];
  /** Gives every image the same embedding. @default false */
  readonly collapsed?: boolean;
  /**
   * Has the output `cells`: its embedding is the mean over a grid of 4 × 4, of which each sees its own colours.
   * @default false
   */
  readonly cells?: boolean;
  /** Replaces a model of that name. @default false */
  readonly replace?: boolean;
}

/** Writes `models/<name>/` with a tiny encoder. */
export function writeTinyModel(
  modelsFolder: string,
  name: string,
  {
    seed = 1,
    dimensions = 16,
    size = 16,
    norm = 1,
    collapsed = false,
    cells = false,
    replace = false,
  }: TinyModelOptions = {},
): Promise<Model> {
  const encoder = cells
    ? tinyDenseEncoder({ seed, dimensions, size })
    : tinyEncoder({ seed, dimensions, size, norm, collapsed });
  const card = { ...cardOf({ seed, dimensions, size }), name, sha256: sha256(encoder) };
  return writeModel(modelsFolder, card, { onnx: encoder }, { replace });
}

/** The card of a tiny model whose file is not there yet. */
export function cardOf({ seed = 1, dimensions = 16, size = 16 }: TinyModelOptions): ModelCard {
  return {
    format: "moco-search-model",
    formatVersion: 1,
    name: "tiny",
    version: `seed-${seed}`,
    sha256: sha256(`${seed}`),
    input: { width: size, height: size, fit: "cover", mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] },
    dimensions,
    architecture: "average pooling and a random projection",
    licence: "made by the tests",
    createdAt: new Date(0).toISOString(),
  };
}

function tinyEncoder({
  seed,
  dimensions,
  size,
  norm,
  collapsed,
}: Required<Omit<TinyModelOptions, "replace" | "cells">>): Uint8Array {
  const features = 3 * 4 * 4;
  const random = mulberry32(seed);
  const weights = Float32Array.from({ length: features * dimensions }, () => (collapsed ? 0 : random() - 0.5));
  // Keeps the embedding of an even grey image away from zero.
  const bias = Float32Array.from({ length: dimensions }, () => random() * 0.2 + 0.05);
  const graph = GraphProto.create({
    name: "tiny",
    input: [valueInfo("pixels", ["N", 3, size, size])],
    output: [valueInfo("embedding", ["N", dimensions])],
    initializer: [
      tensor("weights", [features, dimensions], weights),
      tensor("bias", [dimensions], bias),
      ...(typeof norm === "number" ? [tensor("norm", [1], Float32Array.of(norm))] : []),
    ],
    node: [
      ...(typeof norm === "number" ? [] : norm),
      node("AveragePool", ["pixels"], "pooled", [
        { name: "kernel_shape", type: AttributeProto.AttributeType.INTS, ints: [size / 4, size / 4] },
        { name: "strides", type: AttributeProto.AttributeType.INTS, ints: [size / 4, size / 4] },
      ]),
      node("Flatten", ["pooled"], "flat"),
      node("MatMul", ["flat", "weights"], "projected"),
      node("Add", ["projected", "bias"], "shifted"),
      node("LpNormalization", ["shifted"], "unit", [
        { name: "axis", type: AttributeProto.AttributeType.INT, i: -1 },
        { name: "p", type: AttributeProto.AttributeType.INT, i: 2 },
      ]),
      node("Mul", ["unit", "norm"], "embedding"),
    ],
  });
  const model = ModelProto.create({ irVersion: 8, opsetImport: [{ domain: "", version: 17 }], graph });
  return ModelProto.encode(model).finish();
}

/** Average pooling to 4 × 4, each cell's three colours by a seeded random projection; their mean, of unit norm. */
function tinyDenseEncoder({
  seed,
  dimensions,
  size,
}: Required<Pick<TinyModelOptions, "seed" | "dimensions" | "size">>) {
  const random = mulberry32(seed);
  const weights = Float32Array.from({ length: 3 * dimensions }, () => random() - 0.5);
  const bias = Float32Array.from({ length: dimensions }, () => random() * 0.2 + 0.05);
  const ints = (name: string, ...values: number[]) => ({ name, type: AttributeProto.AttributeType.INTS, ints: values });
  const int = (name: string, i: number) => ({ name, type: AttributeProto.AttributeType.INT, i });
  const graph = GraphProto.create({
    name: "tiny-dense",
    input: [valueInfo("pixels", ["N", 3, size, size])],
    output: [valueInfo("embedding", ["N", dimensions]), valueInfo("cells", ["N", 4, 4, dimensions])],
    initializer: [tensor("weights", [3, dimensions], weights), tensor("bias", [dimensions], bias)],
    node: [
      node("AveragePool", ["pixels"], "pooled", [
        ints("kernel_shape", size / 4, size / 4),
        ints("strides", size / 4, size / 4),
      ]),
      node("Transpose", ["pooled"], "colours", [ints("perm", 0, 2, 3, 1)]),
      node("MatMul", ["colours", "weights"], "projected"),
      node("Add", ["projected", "bias"], "cells"),
      node("ReduceMean", ["cells"], "mean", [ints("axes", 1, 2), int("keepdims", 0)]),
      node("LpNormalization", ["mean"], "embedding", [int("axis", -1), int("p", 2)]),
    ],
  });
  const model = ModelProto.create({ irVersion: 8, opsetImport: [{ domain: "", version: 17 }], graph });
  return ModelProto.encode(model).finish();
}

/** A node of a graph. */
export function node(
  opType: string,
  input: string[],
  output: string,
  attribute: onnx.IAttributeProto[] = [],
): onnx.INodeProto {
  return { opType, input, output: [output], attribute };
}

/** A tensor of float32 as an initializer or an attribute. */
export function tensor(name: string, dims: number[], values: Float32Array): onnx.ITensorProto {
  return { name, dims, dataType: TensorProto.DataType.FLOAT, rawData: new Uint8Array(values.buffer) };
}

/** Name and shape of a float32 input or output of a graph. */
export function valueInfo(name: string, shape: Array<string | number>): onnx.IValueInfoProto {
  const dim = shape.map((d) => (typeof d === "string" ? { dimParam: d } : { dimValue: d }));
  return { name, type: { tensorType: { elemType: TensorProto.DataType.FLOAT, shape: { dim } } } };
}

/** Seeded uniform numbers in [0, 1). */
export function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
