// Gives any ONNX image encoder the interface of ours: input `pixels` [N, 3, H, W], output `embedding` [N, D] of unit
// norm. The graph stays as it is; nodes are put before and after it.
import onnxProto, { type onnx } from "onnx-proto";
import { AppError } from "./errors.ts";
import { refuseExternalData } from "./external-data.ts";

const { AttributeProto, ModelProto, TensorProto } = onnxProto.onnx;

/** Which input and output to use; needed where the graph has several. */
export interface EncoderNames {
  readonly input?: string | undefined;
  readonly output?: string | undefined;
}

/** What an encoder's file declares. */
export interface DeclaredEncoder {
  /** Names of the input and the output that are used. */
  readonly input: string;
  readonly output: string;
  /** Size of the input in pixels; undefined where the file leaves it open. */
  readonly size: { readonly width: number; readonly height: number } | undefined;
}

/**
 * How the output becomes one vector per image: as it is, or as the mean over positions [N, C, …] or tokens [N, T, C].
 */
export type Pooling = "none" | "positions" | "tokens";

/**
 * Reads what an encoder's file declares.
 *
 * @throws AppError `invalid_model` where the file is no image encoder.
 */
export function readDeclaration(bytes: Uint8Array, name: string, names: EncoderNames = {}): DeclaredEncoder {
  const { input, output } = portsOf(decode(bytes, name), names);
  expectType(input, "input", ["FLOAT"]);
  expectType(output, "output", ["FLOAT", "FLOAT16"]);
  const dims = (input.type?.tensorType?.shape?.dim ?? []).map(({ dimValue }) => Number(dimValue ?? 0));
  const [, channels, height, width] = dims;
  if (dims.length > 0 && (dims.length !== 4 || (channels && channels !== 3))) {
    throw new AppError(
      "invalid_model",
      `Expected an input [N, 3, H, W] but "${input.name}" is [${dims.map((size) => size || "N").join(", ")}]. Export the model with the colours first.`,
    );
  }
  const size = width && height ? { width, height } : undefined;
  return { input: input.name!, output: output.name!, size };
}

/**
 * Wraps an encoder. Its output is pooled as `pooling` says, flattened, and scaled to unit norm in float32.
 *
 * @param name The model's name, for error messages.
 * @throws AppError `invalid_model` where the file cannot be wrapped.
 */
export function wrapEncoder(
  bytes: Uint8Array,
  name: string,
  {
    width,
    height,
    pooling = "none",
    ...names
  }: EncoderNames & { readonly width: number; readonly height: number; readonly pooling?: Pooling },
): Uint8Array {
  const model = decode(bytes, name);
  const { graph } = model;
  const { input, output } = portsOf(model, names);
  const before = distinct("pixels", input.name!);
  const after = distinct("embedding", output.name!);
  // If the graph uses our name already, its own tensor is renamed.
  for (const node of graph.node ?? []) {
    node.input = (node.input ?? []).map((one) => (one === input.name ? before : one === output.name ? after : one));
    node.output = (node.output ?? []).map((one) => (one === output.name ? after : one));
  }
  const chain: Array<Pick<onnx.INodeProto, "opType" | "attribute">> = [
    { opType: "Cast", attribute: [int("to", TensorProto.DataType.FLOAT)] },
    ...(pooling === "tokens" ? [{ opType: "Transpose", attribute: [ints("perm", [0, 2, 1])] }] : []),
    ...(pooling === "none" ? [] : [{ opType: "GlobalAveragePool" }]),
    { opType: "Flatten", attribute: [int("axis", 1)] },
    { opType: "LpNormalization", attribute: [int("axis", 1), int("p", 2)] },
  ];
  graph.node = [
    { opType: "Identity", name: "moco_pixels", input: ["pixels"], output: [before] },
    ...(graph.node ?? []),
    ...chain.map((node, i) => ({
      ...node,
      name: `moco_${node.opType}`,
      input: [i === 0 ? after : `moco_${i}`],
      output: [i === chain.length - 1 ? "embedding" : `moco_${i + 1}`],
    })),
  ];
  graph.input = (graph.input ?? []).map((value) =>
    value.name === input.name ? floats("pixels", ["N", 3, height, width]) : value,
  );
  graph.output = [floats("embedding", ["N", "D"])];
  return ModelProto.encode(model).finish();
}

function decode(bytes: Uint8Array, name: string): onnx.ModelProto & { graph: onnx.IGraphProto } {
  refuseExternalData(bytes, name);
  const model = ModelProto.decode(bytes);
  if (!model.graph) throw new AppError("invalid_model", `Model "${name}" has no graph.`);
  return model as onnx.ModelProto & { graph: onnx.IGraphProto };
}

function portsOf({ graph }: { graph: onnx.IGraphProto }, names: EncoderNames) {
  const constants = new Set((graph.initializer ?? []).map((tensor) => tensor.name));
  const inputs = (graph.input ?? []).filter((value) => !constants.has(value.name));
  return { input: choose(inputs, "input", names.input), output: choose(graph.output ?? [], "output", names.output) };
}

type ElementType = keyof typeof TensorProto.DataType;

function expectType(value: onnx.IValueInfoProto, what: string, allowed: readonly ElementType[]): void {
  const type = value.type?.tensorType?.elemType ?? 0;
  if (allowed.some((one) => TensorProto.DataType[one] === type)) return;
  const words = (name: string) => name.toLowerCase().replace(/^float$/, "float32");
  throw new AppError(
    "invalid_model",
    `Expected the ${what} "${value.name}" to be ${allowed.map(words).join(" or ")} but it is ${words(TensorProto.DataType[type] ?? "unknown")}. Export the model so; its weights may stay float16 (keep_io_types=True in onnxconverter-common).`,
  );
}

/** The value of that name, or the only one if no name is given. */
function choose(values: onnx.IValueInfoProto[], what: string, name: string | undefined): onnx.IValueInfoProto {
  const found =
    name === undefined ? (values.length === 1 ? values[0] : undefined) : values.find((v) => v.name === name);
  if (found) return found;
  const has = values.map((value) => `"${value.name}"`).join(", ");
  throw new AppError(
    "invalid_model",
    `Expected the name of one ${what} with --${what}; the model has ${has || "none"}.`,
  );
}

const distinct = (ours: string, theirs: string) => (theirs === ours ? `moco_inner_${ours}` : theirs);

function int(name: string, i: number): onnx.IAttributeProto {
  return { name, type: AttributeProto.AttributeType.INT, i };
}

function ints(name: string, values: number[]): onnx.IAttributeProto {
  return { name, type: AttributeProto.AttributeType.INTS, ints: values };
}

function floats(name: string, shape: ReadonlyArray<string | number>): onnx.IValueInfoProto {
  const dim = shape.map((size) => (typeof size === "string" ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType: TensorProto.DataType.FLOAT, shape: { dim } } } };
}
