// Any ONNX image encoder, brought to the form of ours: input `pixels` [N, 3, H, W], output `embedding` [N, D] of unit
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

/**
 * Wraps an encoder. Its output, [N, D] or [N, D, 1, 1], is flattened and brought to unit norm.
 *
 * @param name For messages.
 * @throws AppError `invalid_model` where the file cannot be wrapped, which says what it has.
 */
export function wrapEncoder(
  bytes: Uint8Array,
  name: string,
  { width, height, ...names }: EncoderNames & { readonly width: number; readonly height: number },
): Uint8Array {
  refuseExternalData(bytes, name);
  const model = ModelProto.decode(bytes);
  const { graph } = model;
  if (!graph) throw new AppError("invalid_model", `Model "${name}" has no graph.`);
  const constants = new Set((graph.initializer ?? []).map((tensor) => tensor.name));
  const input = choose(
    (graph.input ?? []).filter((value) => !constants.has(value.name)),
    "input",
    names.input,
  );
  const output = choose(graph.output ?? [], "output", names.output);
  if (input.type?.tensorType?.elemType !== TensorProto.DataType.FLOAT) {
    throw new AppError("invalid_model", `Expected the input "${input.name}" to be float32. Export the model so.`);
  }
  const before = distinct("pixels", input.name!);
  const after = distinct("embedding", output.name!);
  // Where the graph's own name is ours already, the inner tensor gets another.
  for (const node of graph.node ?? []) {
    node.input = (node.input ?? []).map((one) => (one === input.name ? before : one === output.name ? after : one));
    node.output = (node.output ?? []).map((one) => (one === output.name ? after : one));
  }
  graph.node = [
    { opType: "Identity", name: "moco_pixels", input: ["pixels"], output: [before] },
    ...(graph.node ?? []),
    { opType: "Flatten", name: "moco_flatten", input: [after], output: ["moco_flat"], attribute: [int("axis", 1)] },
    {
      opType: "LpNormalization",
      name: "moco_unit_norm",
      input: ["moco_flat"],
      output: ["embedding"],
      attribute: [int("axis", 1), int("p", 2)],
    },
  ];
  graph.input = (graph.input ?? []).map((value) =>
    value === input ? floats("pixels", ["N", 3, height, width]) : value,
  );
  graph.output = [floats("embedding", ["N", "D"])];
  return ModelProto.encode(model).finish();
}

/** The one that is meant. */
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

function floats(name: string, shape: ReadonlyArray<string | number>): onnx.IValueInfoProto {
  const dim = shape.map((size) => (typeof size === "string" ? { dimParam: size } : { dimValue: size }));
  return { name, type: { tensorType: { elemType: TensorProto.DataType.FLOAT, shape: { dim } } } };
}
