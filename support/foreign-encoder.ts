// Small ONNX encoders as other tools export them, and what a plain onnxruntime session answers for them.
import { writeFile } from "node:fs/promises";
import onnxProto, { type onnx } from "onnx-proto";
import { fromHalf, toHalf } from "../core/half.ts";
import { InferenceSession, Tensor } from "../core/onnxruntime.ts";
import { mulberry32, node, tensor } from "./tiny-model.ts";

const { AttributeProto, ModelProto, TensorProto } = onnxProto.onnx;
const { TENSOR } = AttributeProto.AttributeType;
const { FLOAT, FLOAT16, UINT8, INT64 } = TensorProto.DataType;
const TYPES = { float32: FLOAT, float16: FLOAT16, uint8: UINT8, int64: INT64 };

export type ForeignType = keyof typeof TYPES;
type Dims = ReadonlyArray<number | string>;

/** What tells foreign encoders apart. */
export interface ForeignEncoder {
  /** Of its input. @default "float32" */
  readonly type?: ForeignType;
  /** Shape of its input. @default ["N", 3, 16, 16] */
  readonly dims?: Dims;
  /** Name of its input. @default "input" */
  readonly input?: string;
  /** @default "NCHW" */
  readonly layout?: "NCHW" | "NHWC";
  /** Operators on its pixels before the first layer, each with a constant of one value or three. */
  readonly start?: ReadonlyArray<readonly [opType: string, constant: readonly number[]]>;
  /** Its outputs: which tensor each is; `centred` is around the mean of the batch.  @default { features: "vector" } */
  readonly outputs?: Readonly<Record<string, "vector" | "centred" | "tokens" | "map" | "int64">>;
  /** More inputs. */
  readonly more?: readonly onnx.IValueInfoProto[];
  /** Ends in a reshape to this instead of a flattening. */
  readonly reshape?: readonly number[];
  /** @default 17 */
  readonly opset?: number;
  /** @default 8 */
  readonly irVersion?: number;
}

/** Length of its embeddings. */
export const FOREIGN_DIMENSIONS = 8;

/**
 * Writes an encoder: a padded convolution of 4 × 4 with stride 4, ReLU and the mean over positions, so that its embeddings
 * show where a pixel or a channel is not where it belongs.
 */
export async function writeForeignEncoder(path: string, options: ForeignEncoder = {}): Promise<string> {
  const { type = "float32", dims = ["N", 3, 16, 16], input = "input", layout = "NCHW", start = [] } = options;
  const { outputs = { features: "vector" }, more = [], reshape, opset = 17, irVersion = 8 } = options;
  const isHalf = type === "float16";
  const random = mulberry32(7);
  const weights = Float32Array.from({ length: FOREIGN_DIMENSIONS * 3 * 4 * 4 }, () => random() - 0.5);
  const constant = (name: string, shape: number[], values: Float32Array): onnx.ITensorProto =>
    isHalf
      ? { name, dims: shape, dataType: FLOAT16, rawData: new Uint8Array(toHalf(values).buffer) }
      : tensor(name, shape, values);
  const shapeOf = (values: readonly number[]) =>
    values.length === 1 ? [] : layout === "NHWC" ? [3] : [1, values.length, 1, 1];
  const names = Object.fromEntries(Object.entries(outputs).map(([name, kind]) => [kind, name]));
  const nameOf = (kind: string) => names[kind] ?? `made.${kind}`;
  let last = input;
  const then = (opType: string, inputs: string[], name: string, attribute: onnx.IAttributeProto[] = []) => {
    const made = node(opType, [last, ...inputs], name, attribute);
    last = name;
    return made;
  };
  // Tools write constants as initializers and as nodes: here in turn.
  const started = start.map(([, values], i) => constant(`constant.${i}`, shapeOf(values), Float32Array.from(values)));
  const asNodes = started.filter((_, i) => i % 2 === 1);
  const nodes = [
    ...asNodes.map((t) => node("Constant", [], t.name!, [{ name: "value", type: TENSOR, t }])),
    ...(type === "uint8" ? [then("Cast", [], "floats", [int("to", FLOAT)])] : []),
    ...start.map(([opType], i) => then(opType, [`constant.${i}`], `started.${i}`)),
    ...(layout === "NHWC" ? [then("Transpose", [], "turned", [ints("perm", [0, 3, 1, 2])])] : []),
    then("Conv", ["weights"], "convolved", [ints("strides", [4, 4]), ints("pads", [1, 1, 1, 1])]),
    then("Relu", [], nameOf("map")),
    then("GlobalAveragePool", [], "mean"),
    reshape ? then("Reshape", ["shape"], nameOf("vector")) : then("Flatten", [], nameOf("vector"), [int("axis", 1)]),
    ...(names.tokens ? tokensOf(nameOf("map"), names.tokens) : []),
    ...(names.centred ? centredOf(nameOf("vector"), names.centred) : []),
    ...(names.int64 ? [node("Shape", [nameOf("map")], names.int64)] : []),
  ];
  const batch = dims[0] ?? "N";
  const shapes: Record<string, Dims> = {
    vector: [batch, FOREIGN_DIMENSIONS],
    centred: [batch, 2 * FOREIGN_DIMENSIONS],
    tokens: [batch, "tokens", FOREIGN_DIMENSIONS],
    map: [batch, FOREIGN_DIMENSIONS, "h", "w"],
    int64: [4],
  };
  const graph: onnx.IGraphProto = {
    name: "foreign",
    node: nodes,
    input: [port(input, type, dims), ...more],
    output: Object.entries(outputs).map(([name, kind]) =>
      port(name, kind === "int64" ? "int64" : isHalf ? "float16" : "float32", shapes[kind]!),
    ),
    initializer: [
      constant("weights", [FOREIGN_DIMENSIONS, 3, 4, 4], weights),
      ...started.filter((_, i) => i % 2 === 0),
      ...(reshape
        ? [{ name: "shape", dims: [reshape.length], dataType: INT64, rawData: bytesOf(reshape.map(BigInt)) }]
        : []),
    ],
  };
  const model = { irVersion, opsetImport: [{ domain: "", version: opset }], producerName: "pytorch", graph };
  await writeFile(path, ModelProto.encode(model).finish());
  return path;
}

/** [N, C, H, W] → [N, H · W, C]. */
const tokensOf = (map: string, name: string): onnx.INodeProto[] => [
  node("Transpose", [map], "rows", [ints("perm", [0, 2, 3, 1])]),
  node("Constant", [], "token.shape", [
    {
      name: "value",
      type: TENSOR,
      t: { dims: [3], dataType: INT64, rawData: bytesOf([0n, -1n, BigInt(FOREIGN_DIMENSIONS)]) },
    },
  ]),
  node("Reshape", ["rows", "token.shape"], name),
];

/** As a batch norm in training, each feature minus its mean over the batch; beside it as it is. */
const centredOf = (vector: string, name: string): onnx.INodeProto[] => [
  node("ReduceMean", [vector], "batch.mean", [ints("axes", [0])]),
  node("Sub", [vector, "batch.mean"], "centred"),
  node("Concat", ["centred", vector], name, [int("axis", 1)]),
];

/** An input or output. */
export function port(name: string, type: ForeignType, dims: Dims): onnx.IValueInfoProto {
  const dim = dims.map((size) => (typeof size === "string" ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType: TYPES[type], shape: { dim } } } };
}

/** What a plain session is given. */
export interface PlainRun {
  readonly input?: string;
  /** Shape of the input. */
  readonly dims: readonly number[];
  /** Its values in that order. */
  readonly values: readonly number[];
  readonly type?: ForeignType;
  /** @default "features" */
  readonly output?: string;
}

/** What onnxruntime answers for the file as it is: shape and values. */
export async function runPlainly(
  path: string,
  { input = "input", dims, values, type = "float32", output = "features" }: PlainRun,
): Promise<{ dims: readonly number[]; values: Float32Array }> {
  const session = await InferenceSession.create(path, { logSeverityLevel: 4 });
  const data =
    type === "uint8"
      ? new Tensor("uint8", Uint8Array.from(values), dims)
      : type === "float16"
        ? new Tensor("float16", toHalf(Float32Array.from(values)), dims)
        : new Tensor("float32", Float32Array.from(values), dims);
  const { [output]: answer } = await session.run({ [input]: data }, [output]);
  const answered = answer!.data as Float32Array | Uint16Array;
  await session.release();
  return { dims: answer!.dims, values: answered instanceof Float32Array ? answered : fromHalf(halvesOf(answered)) };
}

/** The bits of halves: newer versions of Node have a type of their own for them. */
const halvesOf = ({ buffer, byteOffset, length }: Uint16Array) => new Uint16Array(buffer, byteOffset, length);

const bytesOf = (values: readonly bigint[]) => new Uint8Array(BigInt64Array.from(values).buffer);

const int = (name: string, i: number): onnx.IAttributeProto => ({ name, type: AttributeProto.AttributeType.INT, i });

const ints = (name: string, values: number[]): onnx.IAttributeProto => ({
  name,
  type: AttributeProto.AttributeType.INTS,
  ints: values,
});
