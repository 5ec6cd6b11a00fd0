// The tensor graph: a tensor points at the node that makes it, a node at the tensors it takes. There is no graph
// object; a graph is whatever can be reached from its outputs.

/** Element types that the engine uses, by their ONNX names. */
export type DType = "float32" | "float16" | "int64" | "uint8" | "bool";

/** Static sizes of the dimensions, outermost first. A scalar is `[]`. */
export type Shape = readonly number[];

/** Values of ONNX attributes. Plain numbers are integers; {@link float} makes a float. */
export type Attribute = number | string | readonly number[] | { readonly float: number };

/** Typed data of a constant; int64 is BigInt64Array, float16 the raw bits. */
export type TensorData = Float32Array | Uint16Array | BigInt64Array | Uint8Array;

/** A value in the graph: one output of a node. */
export interface Tensor {
  readonly node: Node;
  readonly shape: Shape;
  readonly dtype: DType;
}

/**
 * Gradients of a node's outputs → gradient of each of its {@link Node.parents}, as new nodes. Undefined stands for no
 * gradient: of an output that nothing uses, or to a parent that gets none. `isWanted` says of each parent whether its
 * gradient is used.
 */
export type GradientRule = (
  gradients: ReadonlyArray<Tensor | undefined>,
  isWanted: readonly boolean[],
) => Array<Tensor | undefined>;

/** One way to compute something from its operands. */
export type Form = (...operands: readonly Tensor[]) => Tensor;

/** Chooses among several forms of the same result: which is fastest depends on the machine. */
export interface FormChooser {
  /**
   * Builds the form chosen for `signature` (operator and shapes), or the first of `forms` where none is known.
   *
   * @param image Which operand is an image between a network's layers, where the result is one too.
   */
  choose(signature: string, operands: readonly Tensor[], forms: Readonly<Record<string, Form>>, image?: number): Tensor;
}

/** Chooses the first form: the fastest on most machines. */
export const firstForm: FormChooser = { choose: (_, operands, forms) => Object.values(forms)[0]!(...operands) };

/** An ONNX operator applied to tensors, or `Input` or `Constant`. */
export interface Node {
  readonly op: string;
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  /** Name of an `Input`. */
  readonly name?: string;
  /** Content of a `Constant`. */
  readonly data?: TensorData;
  /** What gradients flow to: `inputs`, unless an operator made of several nodes names others. */
  readonly parents: readonly Tensor[];
  readonly gradient?: GradientRule;
}

/** Whether onnxruntime leaves a node's result in the memory of its input. */
export const isView = ({ op }: Node): boolean => ["Reshape", "Squeeze", "Identity"].includes(op);

/** Number of elements. */
export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** True where both shapes are the same. */
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((v, i) => v === b[i]);

/** An attribute that ONNX stores as a float. */
export const float = (value: number): Attribute => ({ float: value });

/** A value given at each run. Names are unique in a graph. */
export function input(name: string, shape: Shape, dtype: DType = "float32"): Tensor {
  return makeNode({ op: "Input", name, inputs: [], attributes: {} }, [{ shape, dtype }])[0]!;
}

/** A value fixed in the graph. */
export function constant(data: TensorData, shape: Shape): Tensor {
  if (data.length !== sizeOf(shape)) {
    throw new RangeError(`constant: expected ${sizeOf(shape)} values for [${shape}] but received ${data.length}`);
  }
  return makeNode({ op: "Constant", data, inputs: [], attributes: {} }, [{ shape, dtype: dtypeOf(data) }])[0]!;
}

/** A float32 scalar constant, shape `[]`: it broadcasts against anything. */
export const scalar = (value: number): Tensor => constant(Float32Array.of(value), []);

/** An int64 vector constant, as shapes, axes and indices are given to ONNX operators. */
export const integers = (values: readonly number[]): Tensor =>
  constant(BigInt64Array.from(values, BigInt), [values.length]);

/** A float32 constant of one value everywhere. */
export const filled = (shape: Shape, value: number): Tensor =>
  constant(new Float32Array(sizeOf(shape)).fill(value), shape);

/** Applies an operator with one output. The caller, the operator's own function, infers and checks the shape. */
export function apply(
  op: string,
  inputs: readonly Tensor[],
  output: {
    shape: Shape;
    dtype?: DType;
    attributes?: Readonly<Record<string, Attribute>>;
    parents?: readonly Tensor[];
    gradient?: GradientRule;
  },
): Tensor {
  const { shape, dtype = inputs[0]!.dtype, attributes = {}, parents, gradient } = output;
  return makeNode({ op, inputs, attributes, ...(parents && { parents }), ...(gradient && { gradient }) }, [
    { shape, dtype },
  ])[0]!;
}

/** Applies an operator with several outputs. */
export function makeNode(
  node: Omit<Node, "outputs" | "parents"> & { parents?: readonly Tensor[] },
  outputs: ReadonlyArray<{ shape: Shape; dtype: DType }>,
): readonly Tensor[] {
  const tensors: Tensor[] = [];
  const made: Node = { ...node, parents: node.parents ?? node.inputs, outputs: tensors };
  for (const output of outputs) tensors.push({ ...output, node: made });
  return tensors;
}

/** Every node that `outputs` need, inputs before the nodes that use them. */
export function topologicalOrder(
  outputs: readonly Tensor[],
  edges: (node: Node) => readonly Tensor[] = (n) => n.inputs,
): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  const stack: Array<{ node: Node; next: number }> = [];
  const visit = (node: Node) => {
    if (seen.has(node)) return;
    seen.add(node);
    stack.push({ node, next: 0 });
  };
  for (const output of outputs) {
    visit(output.node);
    while (stack.length > 0) {
      const top = stack.at(-1)!;
      const upstream = edges(top.node)[top.next++];
      if (upstream) visit(upstream.node);
      else order.push(stack.pop()!.node);
    }
  }
  return order;
}

function dtypeOf(data: TensorData): DType {
  if (data instanceof Float32Array) return "float32";
  if (data instanceof BigInt64Array) return "int64";
  return data instanceof Uint16Array ? "float16" : "uint8";
}
