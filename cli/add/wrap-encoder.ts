// Gives any ONNX image encoder the interface of ours: input `pixels` float32 [N, 3, H, W], output `embedding` [N, D] of
// unit norm. The graph stays as it is; nodes are put before and after it.
import onnxProto, { type onnx } from "onnx-proto";
import type { GraphModel } from "./encoder-file.ts";
import type { Layout } from "./input.ts";
import type { Pooling } from "./output.ts";

const { AttributeProto, ModelProto, TensorProto } = onnxProto.onnx;

/** How an encoder takes its images. */
export interface EncoderImages {
  /** Name of the input. */
  readonly input: string;
  /** Its type: float32, float16 or uint8. */
  readonly type: string;
  readonly layout: Layout;
  readonly width: number;
  readonly height: number;
  /** Images of one run, where it takes no other number. */
  readonly batch: number | undefined;
}

type Operation = Pick<onnx.INodeProto, "opType" | "attribute">;

const PIXELS = "pixels";
const EMBEDDING = "embedding";

/** Its tensors that are called as ours are get other names. */
const theirs = (name: string): string =>
  name === PIXELS || name === EMBEDDING || name.startsWith("moco_") ? `moco_inner_${name}` : name;

/** The model with the input `pixels`, of which its own input is made. Outputs keep their names and are not ours yet. */
export function wrapInput(model: GraphModel, { input, type, layout, width, height, batch }: EncoderImages): GraphModel {
  const graph = renamed(model.graph);
  const element = type === "uint8" ? TensorProto.DataType.UINT8 : TensorProto.DataType.FLOAT16;
  const before = chain("moco_input", PIXELS, theirs(input), [
    ...(layout === "NHWC" ? [{ opType: "Transpose", attribute: [ints("perm", [0, 2, 3, 1])] }] : []),
    ...(type === "float32" ? [] : [{ opType: "Cast", attribute: [int("to", element)] }]),
  ]);
  const images = floats(PIXELS, [batch ?? "N", 3, height, width]);
  return {
    ...model,
    graph: {
      ...graph,
      node: [...before, ...(graph.node ?? [])],
      input: (graph.input ?? []).map((value) => (value.name === theirs(input) ? images : value)),
    },
  };
}

/** The model of {@link wrapInput} with the output `embedding` alone: pooled, flattened, in float32 and of unit norm. */
export function wrapOutput(model: GraphModel, output: string, pooling: Pooling): GraphModel {
  const after = chain("moco_output", theirs(output), EMBEDDING, [
    { opType: "Cast", attribute: [int("to", TensorProto.DataType.FLOAT)] },
    ...(pooling === "tokens" ? [{ opType: "Transpose", attribute: [ints("perm", [0, 2, 1])] }] : []),
    ...(pooling === "none" ? [] : [{ opType: "GlobalAveragePool" }]),
    { opType: "Flatten", attribute: [int("axis", 1)] },
    { opType: "LpNormalization", attribute: [int("axis", 1), int("p", 2)] },
  ]);
  const { graph } = model;
  return {
    ...model,
    graph: { ...graph, node: [...(graph.node ?? []), ...after], output: [floats(EMBEDDING, ["N", "D"])] },
  };
}

/** The bytes of a model's file. */
export const encodeModel = (model: GraphModel): Uint8Array => ModelProto.encode(model).finish();

/** Name of an output in the model of {@link wrapInput}. */
export const wrappedName = theirs;

/** Nodes that make `to` of `from`, one after the other. */
function chain(name: string, from: string, to: string, operations: readonly Operation[]): onnx.INodeProto[] {
  const all = operations.length > 0 ? operations : [{ opType: "Identity" }];
  const between = (i: number) => (i === 0 ? from : i === all.length ? to : `${name}_${i}`);
  return all.map((operation, i) => ({
    ...operation,
    name: `${name}_${i}_${operation.opType}`,
    input: [between(i)],
    output: [between(i + 1)],
  }));
}

/** The graph with {@link theirs} for the names of its tensors, in its inner graphs too. */
function renamed(graph: onnx.IGraphProto): onnx.IGraphProto {
  const named = <T extends { name?: string | null }>(one: T): T => ({ ...one, name: theirs(one.name ?? "") });
  return {
    ...graph,
    node: (graph.node ?? []).map((node) => ({
      ...node,
      input: (node.input ?? []).map(theirs),
      output: (node.output ?? []).map(theirs),
      attribute: (node.attribute ?? []).map((one) => ({
        ...one,
        ...(one.g && { g: renamed(one.g) }),
        ...(one.graphs?.length && { graphs: one.graphs.map(renamed) }),
      })),
    })),
    input: (graph.input ?? []).map(named),
    output: (graph.output ?? []).map(named),
    valueInfo: (graph.valueInfo ?? []).map(named),
    initializer: (graph.initializer ?? []).map(named),
    sparseInitializer: (graph.sparseInitializer ?? []).map((tensor) => ({
      ...tensor,
      ...(tensor.values && { values: named(tensor.values) }),
    })),
  };
}

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
