// What a graph does to its pixels before its first layer: exporters and toolkits often put the normalisation there.
import onnxProto, { type onnx } from "onnx-proto";
import { fromHalf } from "../../core/half.ts";
import type { Port } from "./encoder-file.ts";
import type { Layout } from "./input.ts";

const { TensorProto } = onnxProto.onnx;

/** Values that an encoder takes for black and white. */
export type Range = "0..1" | "0..255" | "-1..1";

/** What the first nodes of a graph do. */
export interface GraphStart {
  /** The layout that a first transpose turns into the other. */
  readonly layout?: Layout;
  /** Its own normalisation, where it begins with one. */
  readonly normalisation?: OwnNormalisation;
}

/** (value − mean) / std, in units of the values that the graph takes. */
export interface OwnNormalisation {
  readonly range: Range;
  /** One number for all channels, or three. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** Its operators, such as ["Div", "Sub"]. */
  readonly operators: readonly string[];
}

/** A value v becomes scale · v + offset; one number for all channels, or three. */
interface Affine {
  readonly scale: readonly number[];
  readonly offset: readonly number[];
}

/**
 * Follows the pixels from the input to the first node that is no Cast, Transpose or arithmetic with constants.
 *
 * @param input.type What the input takes; uint8 is 0..255 whatever the arithmetic.
 */
export function readGraphStart(graph: onnx.IGraphProto, input: Pick<Port, "name" | "type">): GraphStart {
  const constants = constantsOf(graph);
  const steps: Affine[] = [{ scale: [1], offset: [0] }];
  const operators: string[] = [];
  let layout: Layout | undefined;
  let tensor = input.name;
  for (let hops = 0; hops < 32; hops++) {
    const node = onlyConsumer(graph, tensor);
    if (node?.opType === "Transpose") layout ??= layoutBefore(node);
    else if (node?.opType !== "Cast" && node?.opType !== "Identity") {
      const next = node && applied(steps.at(-1)!, node, tensor, constants);
      if (!next) break;
      steps.push(next);
      operators.push(node.opType!);
    }
    tensor = node.output![0]!;
  }
  const normalisation = inWhole(steps, operators, input.type === "uint8");
  return { ...(layout && { layout }), ...(normalisation && { normalisation }) };
}

/** What takes the tensor, if it is one node; a look at its shape does not count. */
function onlyConsumer({ node, output }: onnx.IGraphProto, tensor: string): onnx.INodeProto | undefined {
  const consumers = (node ?? []).filter(({ opType, input }) => opType !== "Shape" && input?.includes(tensor));
  return consumers.length === 1 && !output?.some(({ name }) => name === tensor) ? consumers[0] : undefined;
}

function layoutBefore({ attribute }: onnx.INodeProto): Layout | undefined {
  const order = (attribute ?? [])
    .find(({ name }) => name === "perm")
    ?.ints?.map(Number)
    .join();
  if (order === "0,3,1,2") return "NHWC";
  return order === "0,2,3,1" ? "NCHW" : undefined;
}

/** The step with the node's arithmetic after it; undefined where it is none with a constant. */
function applied(
  { scale, offset }: Affine,
  { opType, input }: onnx.INodeProto,
  tensor: string,
  constants: ReadonlyMap<string, readonly number[]>,
): Affine | undefined {
  const [left, right] = input ?? [];
  const isFirst = left === tensor;
  const constant = constants.get((isFirst ? right : left) ?? "");
  if (!constant || left === right) return undefined;
  if (opType === "Add") return { scale, offset: each(offset, constant, (a, c) => a + c) };
  if (opType === "Mul") {
    return { scale: each(scale, constant, (a, c) => a * c), offset: each(offset, constant, (a, c) => a * c) };
  }
  if (!isFirst) return undefined;
  if (opType === "Sub") return { scale, offset: each(offset, constant, (a, c) => a - c) };
  if (opType === "Div") {
    return { scale: each(scale, constant, (a, c) => a / c), offset: each(offset, constant, (a, c) => a / c) };
  }
  return undefined;
}

function inWhole(
  steps: readonly Affine[],
  operators: readonly string[],
  isBytes: boolean,
): OwnNormalisation | undefined {
  const { scale, offset } = steps.at(-1)!;
  const mean = zeroOf(steps.at(-1)!);
  const std = scale.map((a) => 1 / a);
  if (operators.length === 0 || ![...mean, ...std].every(Number.isFinite) || scale.some((a) => a <= 0))
    return undefined;
  if (scale.every((a) => a === 1) && offset.every((b) => b === 0)) return undefined;
  return { range: isBytes ? "0..255" : rangeOf(steps, { mean, scale }), mean, std, operators };
}

/**
 * The values that it takes. What first brings −1 to 0 takes −1..1; values that are divided by tens, or have a mean of
 * tens, are bytes.
 */
function rangeOf(
  steps: readonly Affine[],
  { mean, scale }: { readonly mean: readonly number[]; readonly scale: readonly number[] },
): Range {
  if (steps.some((step) => zeroOf(step).every((zero) => Math.abs(zero + 1) < 0.01))) return "-1..1";
  return scale.some((a) => a < 0.1) || mean.some((m) => m > 1.5) ? "0..255" : "0..1";
}

/** The value that becomes 0. */
const zeroOf = ({ scale, offset }: Affine): number[] => each(offset, scale, (b, a) => (b === 0 ? 0 : -b / a));

function each(a: readonly number[], b: readonly number[], operation: (a: number, b: number) => number): number[] {
  const length = Math.max(a.length, b.length);
  return Array.from({ length }, (_, i) => operation(a[a.length === 1 ? 0 : i]!, b[b.length === 1 ? 0 : i]!));
}

/** Constants of one value or three, by name. */
function constantsOf({ initializer, node }: onnx.IGraphProto): Map<string, readonly number[]> {
  const found = new Map<string, readonly number[]>();
  const keep = (name: string | null | undefined, values: readonly number[] | undefined) => {
    if (name && (values?.length === 1 || values?.length === 3)) found.set(name, values);
  };
  for (const tensor of initializer ?? []) keep(tensor.name, valuesOf(tensor));
  for (const { opType, output, attribute } of node ?? []) {
    if (opType !== "Constant") continue;
    for (const { name, t, f, floats } of attribute ?? []) {
      if (name === "value" && t) keep(output?.[0], valuesOf(t));
      if (name === "value_float") keep(output?.[0], [f ?? 0]);
      if (name === "value_floats") keep(output?.[0], floats ?? []);
    }
  }
  return found;
}

/** The values of a tensor of one or three floating point numbers. */
function valuesOf({ dims, dataType, rawData, floatData, doubleData, int32Data }: onnx.ITensorProto) {
  const count = (dims ?? []).reduce((product: number, size) => product * Number(size), 1);
  if (count !== 1 && count !== 3) return undefined;
  const raw = rawData?.length ? new Uint8Array(rawData).buffer : undefined;
  const isWhole = (bytes: number) => !raw || raw.byteLength === count * bytes;
  const { FLOAT, DOUBLE, FLOAT16 } = TensorProto.DataType;
  if (dataType === FLOAT && isWhole(4)) return [...(raw ? new Float32Array(raw) : (floatData ?? []))];
  if (dataType === DOUBLE && isWhole(8)) return [...(raw ? new Float64Array(raw) : (doubleData ?? []))];
  if (dataType === FLOAT16 && isWhole(2)) {
    return [...fromHalf(raw ? new Uint16Array(raw) : Uint16Array.from(int32Data ?? []))];
  }
  return undefined;
}
