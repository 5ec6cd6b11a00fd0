// The graph as an ONNX model.
import onnxProto, { type onnx } from "onnx-proto";
import { ONNX_TYPES } from "../ops/elementwise.ts";
import { type Attribute, type Node, type Shape, type Tensor, topologicalOrder } from "../tensor.ts";

/** Version of the ONNX operator set. */
const OPSET = 18;

/** Which dimensions of an input or output keep a name instead of a size: `{ pixels: { 0: "N" } }`. */
export type SymbolicDims = Readonly<Record<string, Readonly<Record<number, string>>>>;

/** Options of {@link serialize}. */
export interface SerializeOptions {
  /** Dimensions without a fixed size. No node may depend on their size: no reshape across them. */
  readonly symbolicDims?: SymbolicDims;
  /**
   * Hides the shapes of reshapes from onnxruntime: their constants become inputs with a default, which could change at
   * run time.
   *
   * @default false
   */
  readonly openShapes?: boolean;
}

/**
 * Encodes what `outputs` need as an ONNX model.
 *
 * onnxruntime executes depth first and starts with the input of a node that was written last. Inputs are written in
 * reverse, so that what depends on images alone is computed first and transformed weights are not kept alive before
 * they are used.
 *
 * @param outputs Output name → tensor. Inputs keep their names.
 */
export function serialize(
  outputs: Readonly<Record<string, Tensor>>,
  { symbolicDims = {}, openShapes = false }: SerializeOptions = {},
): Uint8Array {
  const order = topologicalOrder(Object.values(outputs), (node) => [...node.inputs].reverse());
  const nameOf = nameTensors(order, outputs);
  const open = openShapes ? targetShapes(order) : new Map<Node, string>();
  for (const [node, name] of open) nameOf.set(node.outputs[0]!, name);
  const valueInfo = (name: string, tensor: Tensor): onnx.IValueInfoProto => ({
    name,
    type: { tensorType: { elemType: ONNX_TYPES[tensor.dtype], shape: dims(tensor.shape, symbolicDims[name]) } },
  });
  const graph: onnx.IGraphProto = {
    name: "moco-search",
    node: [],
    initializer: [],
    input: [],
    output: Object.entries(outputs).map(([name, tensor]) => valueInfo(name, tensor)),
  };
  const written = new Set<string>();
  for (const node of order) {
    const [first] = node.outputs as [Tensor];
    const shapeName = open.get(node);
    if (shapeName) {
      if (written.has(shapeName)) continue;
      written.add(shapeName);
      graph.input!.push(valueInfo(shapeName, first));
      graph.initializer!.push(initializer(shapeName, node));
    } else if (node.op === "Input") graph.input!.push(valueInfo(node.name!, first));
    else if (node.op === "Constant") graph.initializer!.push(initializer(nameOf.get(first)!, node));
    else {
      graph.node!.push({
        name: nameOf.get(first)!,
        ...operator(node.op),
        input: node.inputs.map((t) => nameOf.get(t)!),
        output: node.outputs.map((t) => nameOf.get(t)!),
        attribute: Object.entries(node.attributes).map(([name, value]) => attribute(name, value)),
      });
    }
  }
  for (const [name, tensor] of Object.entries(outputs)) {
    if (nameOf.get(tensor) !== name) {
      graph.node!.push({ name, opType: "Identity", input: [nameOf.get(tensor)!], output: [name] });
    }
  }
  return onnxProto.onnx.ModelProto.encode({
    irVersion: 8,
    producerName: "moco-search",
    opsetImport: [{ domain: "", version: OPSET }, ...domains(order)],
    graph,
  }).finish();
}

/** The constants that are target shapes of reshapes, and their names: equal shapes share one. */
function targetShapes(order: readonly Node[]): Map<Node, string> {
  const shapes = order.filter(({ op }) => op === "Reshape" || op === "Expand").map(({ inputs }) => inputs[1]!.node);
  return new Map(shapes.map((node) => [node, `shape.${(node.data as BigInt64Array).join("x")}`]));
}

/** Splits `domain::Operator`; ONNX itself is the empty domain. */
function operator(op: string): { domain: string; opType: string } {
  const [opType, domain = ""] = op.split("::").reverse() as [string, string?];
  return { domain, opType };
}

/** Operator sets that the graph uses besides that of ONNX. */
function domains(order: readonly Node[]): onnx.IOperatorSetIdProto[] {
  const names = new Set(order.map((node) => operator(node.op).domain).filter((name) => name !== ""));
  return [...names].map((domain) => ({ domain, version: 1 }));
}

/** Names: those of inputs and outputs, and numbers in topological order for all other tensors. */
function nameTensors(order: readonly Node[], outputs: Readonly<Record<string, Tensor>>): Map<Tensor, string> {
  const names = new Map<Tensor, string>();
  for (const node of order) if (node.op === "Input") names.set(node.outputs[0]!, node.name!);
  for (const [name, tensor] of Object.entries(outputs)) {
    if (!names.has(tensor) && tensor.node.op !== "Constant") names.set(tensor, name);
  }
  let next = 0;
  for (const node of order) {
    for (const output of node.outputs) if (!names.has(output)) names.set(output, `${node.op}_${next++}`);
  }
  const inputs = order.filter((node) => node.op === "Input").map((node) => node.name!);
  const repeated = inputs.find((name, i) => inputs.indexOf(name) !== i);
  if (repeated) throw new Error(`serialize: two inputs are called "${repeated}"`);
  return names;
}

function dims(shape: Shape, symbolic: Readonly<Record<number, string>> = {}): onnx.ITensorShapeProto {
  return { dim: shape.map((size, i) => (symbolic[i] ? { dimParam: symbolic[i] } : { dimValue: size })) };
}

function initializer(name: string, node: Node): onnx.ITensorProto {
  const { data, outputs } = node;
  const { shape, dtype } = outputs[0]!;
  const rawData = new Uint8Array(data!.buffer, data!.byteOffset, data!.byteLength);
  return { name, dataType: ONNX_TYPES[dtype], dims: [...shape], rawData };
}

function attribute(name: string, value: Attribute): onnx.IAttributeProto {
  const { FLOAT, INT, INTS, STRING } = onnxProto.onnx.AttributeProto.AttributeType;
  if (typeof value === "number") return { name, type: INT, i: value };
  if (typeof value === "string") return { name, type: STRING, s: new TextEncoder().encode(value) };
  if ("float" in value) return { name, type: FLOAT, f: value.float };
  return { name, type: INTS, ints: [...value] };
}
