// What is computed value by value, as one loop over arrays. So an update of the state reads and writes each number
// once; a graph writes every intermediate result to memory, and onnxruntime-node copies what comes out of it.
import { type Shape, sameShape, sizeOf, type Tensor } from "../tensor.ts";
import type { Values } from "./compile.ts";

/** A loop that overwrites arrays. */
export interface FusedLoop {
  /** Names of the arrays that it reads, those of scalars too. */
  readonly reads: ReadonlySet<string>;
  run(arrays: Values): void;
}

/** Operators as JavaScript, from operands as JavaScript. */
const OPERATORS: Readonly<Record<string, (a: string, b: string) => string>> = {
  Add: (a, b) => `${a} + ${b}`,
  Sub: (a, b) => `${a} - ${b}`,
  Mul: (a, b) => `${a} * ${b}`,
  Div: (a, b) => `${a} / ${b}`,
  Neg: (a) => `-${a}`,
  Sqrt: (a) => `Math.sqrt(${a})`,
  Exp: (a) => `Math.exp(${a})`,
  Greater: (a, b) => `${a} > ${b} ? 1 : 0`,
  Cast: (a) => a,
};

/** Lines of the loop or of what comes before it, and the names that they give to tensors. */
interface Lines {
  readonly text: string[];
  readonly names: Map<Tensor, string>;
}

/**
 * Fuses the computation of `targets`, tensors of one shape, each written to the array of its name. It is computed in
 * float64 and rounded where it is written.
 *
 * @param given What is computed elsewhere → the name of its array. Inputs have names of their own.
 * @returns undefined where something is not computed value by value, from arrays of that shape and scalars.
 */
export function fuseLoop(
  targets: ReadonlyMap<string, Tensor>,
  given: ReadonlyMap<Tensor, string>,
): FusedLoop | undefined {
  const tensors = [...targets.values()];
  const { shape } = tensors[0]!;
  const nameOf = (tensor: Tensor) => given.get(tensor) ?? tensor.node.name;
  if (!tensors.every((target) => sameShape(target.shape, shape) && isFusable(target, shape, nameOf))) return undefined;

  const arrays: string[] = [];
  const reads = new Set<string>();
  const scalars: Lines = { text: [], names: new Map() }; // computed once, before the loop
  const values: Lines = { text: [], names: new Map() };
  const results = [...targets].map(([name, tensor]) => `${arrayOf(name)}[i] = ${write(tensor, values)};`);
  const text = [...scalars.text, forEach([...values.text, ...results])].join("\n");
  const loop = compiled(arrays.length, text);
  const length = sizeOf(shape);
  return { reads, run: (given) => loop(length, ...arrays.map((name) => given[name]!)) };

  function arrayOf(name: string): string {
    if (!arrays.includes(name)) arrays.push(name);
    return `a${arrays.indexOf(name)}`;
  }

  /** Writes the line that computes `tensor`, after those it needs, and returns the name of its value. */
  function write(tensor: Tensor, loop: Lines): string {
    const lines = tensor.shape.length === 0 ? scalars : loop;
    const known = lines.names.get(tensor);
    if (known) return known;
    const value = expressionOf(tensor, lines);
    const name = `${lines === scalars ? "s" : "v"}${lines.text.length}`;
    lines.text.push(`const ${name} = ${value};`);
    lines.names.set(tensor, name);
    return name;
  }

  function expressionOf(tensor: Tensor, lines: Lines): string {
    const { op, inputs, data } = tensor.node;
    const name = nameOf(tensor);
    if (name) {
      reads.add(name);
      return `${arrayOf(name)}[${lines === scalars ? 0 : "i"}]`;
    }
    if (op === "Constant") return String(data![0]);
    if (op === "ReduceSum") return sumOf(inputs[0]!);
    const [a, b] = inputs.map((operand) => write(operand, lines));
    return OPERATORS[op]!(a!, b!);
  }

  function sumOf(tensor: Tensor): string {
    const inner: Lines = { text: [], names: new Map() };
    const value = write(tensor, inner);
    const sum = `sum${scalars.text.length}`;
    scalars.text.push(`let ${sum} = 0;`, forEach([...inner.text, `${sum} += ${value};`]));
    return sum;
  }
}

/** Whether a tensor is a scalar or of this shape, and so is all that it is computed from. */
function isFusable(tensor: Tensor, shape: Shape, nameOf: (tensor: Tensor) => string | undefined): boolean {
  const { op, inputs } = tensor.node;
  const isScalar = tensor.shape.length === 0;
  if (!isScalar && !sameShape(tensor.shape, shape)) return false;
  if (nameOf(tensor)) return tensor.dtype === "float32";
  if (op === "Constant") return isScalar;
  if (op === "ReduceSum") return isScalar && isFusable(inputs[0]!, shape, nameOf);
  return op in OPERATORS && inputs.every((operand) => isFusable(operand, shape, nameOf));
}

const forEach = (lines: readonly string[]): string => `for (let i = 0; i < n; i++) {\n${lines.join("\n")}\n}`;

type Loop = (n: number, ...arrays: ReadonlyArray<Values[string]>) => void;

/** Loops by their text: hundreds of parameters are updated by a few. */
const loops = new Map<string, Loop>();

function compiled(arrays: number, text: string): Loop {
  const parameters = ["n", ...Array.from({ length: arrays }, (_, i) => `a${i}`)];
  const loop = loops.get(text) ?? (new Function(...parameters, text) as Loop);
  loops.set(text, loop);
  return loop;
}
