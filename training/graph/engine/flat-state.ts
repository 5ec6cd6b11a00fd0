// State of many tensors in a few flat ones. A GPU is told of each operator by itself, which takes longer than a small
// operator runs; so what is done alike to hundreds of tensors is done to all of them at once, end to end.
import { concatenated } from "../../../core/vector.ts";
import { concat, reshape, split } from "../ops/shape.ts";
import { rewrite, withInputs } from "../rewrite.ts";
import { input, makeNode, sameShape, sizeOf, type Tensor } from "../tensor.ts";
import type { StateUpdate } from "./split-step.ts";

/** Operators that compute each value from the values at its place. */
const ELEMENTWISE: ReadonlySet<string> = new Set(["Add", "Sub", "Mul", "Div", "Neg", "Sqrt", "Exp"]);

/** A step whose state is flat where that is possible. */
export interface FlatStep {
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** State by input name → its value after the step. */
  readonly next: ReadonlyMap<string, Tensor>;
  /** Values of the state as the step had it at first → as this step takes it. */
  pack(state: ReadonlyMap<string, Float32Array>): Map<string, Float32Array>;
  /** And back. Parts of a flat array stay in its memory. */
  unpack(state: ReadonlyMap<string, Float32Array>): Map<string, Float32Array>;
}

/** State that moves together: a parameter with what the optimiser keeps for it and its key. All of one shape. */
interface Row {
  readonly states: readonly string[];
  /** What the step computes for the move: a gradient, a mean of the batch. */
  readonly operands: readonly Tensor[];
  /** The move of each state as text. Rows of equal texts move alike. */
  readonly texts: readonly string[];
}

/** Joins the state of rows that move alike. What is computed stays the same. */
export function flattenState(
  outputs: Readonly<Record<string, Tensor>>,
  { next, gradients = new Map() }: StateUpdate,
): FlatStep {
  const groups = new Map<string, Row[]>();
  for (const row of rowsOf(next, new Set(gradients.values()))) {
    const key = row.texts.join("; ");
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const joined = [...groups.values()].filter((rows) => rows.length > 1).map((rows, i) => join(rows, next, `flat.${i}`));
  const inFlat = new Set(joined.flatMap(({ rows }) => rows.flatMap(({ states }) => states)));
  const apart = [...next].filter(([name]) => !inFlat.has(name));

  const before = new Map(joined.flatMap(({ before }) => before));
  const ahead = new Map(joined.flatMap(({ ahead }) => ahead));
  const operands = joined.flatMap(({ rows }) => rows.flatMap(({ operands }) => operands));
  const kept = [...Object.values(outputs), ...apart.map(([, tensor]) => tensor), ...operands];
  const rewritten = rewrite(kept, (node, inputs) => {
    const piece = node.op === "Input" ? before.get(node.name!) : ahead.get(node.outputs[0]!);
    return piece ? [piece()] : withInputs(node, inputs);
  });
  const places = new Map(kept.map((tensor, i) => [tensor, rewritten[i]!]));
  const now = (tensor: Tensor) => places.get(tensor)!;
  const contents = new Map(joined.flatMap(({ contents }) => contents));
  return {
    outputs: Object.fromEntries(Object.entries(outputs).map(([name, tensor]) => [name, now(tensor)])),
    next: new Map([
      ...apart.map(([name, tensor]) => [name, now(tensor)] as const),
      ...joined.flatMap(({ move }) => move(now)),
    ]),
    pack(state) {
      const flat = [...contents].map(
        ([name, parts]) => [name, concatenated(parts.map((part) => state.get(part)!))] as const,
      );
      return new Map([...apart.map(([name]) => [name, state.get(name)!] as const), ...flat]);
    },
    unpack(state) {
      const values = new Map(state);
      for (const [name, parts] of contents) {
        let start = 0;
        for (const part of parts) {
          const end = start + sizeOf(next.get(part)!.shape);
          values.set(part, state.get(name)!.subarray(start, end));
          start = end;
        }
      }
      return new Map([...next.keys()].map((name) => [name, values.get(name)!]));
    },
  };
}

/** Rows that move alike, end to end. */
function join(rows: readonly Row[], next: ReadonlyMap<string, Tensor>, prefix: string) {
  const [{ states, operands, texts }] = rows as [Row];
  const shapes = rows.map((row) => next.get(row.states[0]!)!.shape);
  const total = shapes.reduce((sum, shape) => sum + sizeOf(shape), 0);
  const flatStates = states.map((_, column) => input(`${prefix}.${column}`, [total]));

  const made = new Map<Tensor, Tensor>();
  /** What the first row computes, for all rows. */
  const moveOf = (tensor: Tensor): Tensor => {
    const { op, name, attributes, inputs } = tensor.node;
    if (tensor.shape.length === 0) return tensor;
    if (op === "Input" && states.includes(name!)) return flatStates[states.indexOf(name!)]!;
    if (!made.has(tensor)) {
      const flatInputs = inputs.map((operand) => moveOf(operand));
      made.set(tensor, makeNode({ op, attributes, inputs: flatInputs }, [{ shape: [total], dtype: tensor.dtype }])[0]!);
    }
    return made.get(tensor)!;
  };
  /** The pieces of a flat tensor, made where something reads one of them. */
  const piecesOf = (flat: () => Tensor) => {
    let pieces: Tensor[] | undefined;
    return rows.map((_, row) => () => {
      pieces ??= split(flat(), 0, shapes.map(sizeOf)).map((piece, i) => reshape(piece, shapes[i]!));
      return pieces[row]!;
    });
  };
  const columns = states.map((name, column) => {
    const tensors = rows.map((row) => next.get(row.states[column]!)!);
    const takesOperand = texts[column]!.includes("x");
    return { names: rows.map((row) => row.states[column]!), tensors, tensor: next.get(name)!, takesOperand };
  });
  return {
    rows,
    contents: columns.map(({ names }, column) => [`${prefix}.${column}`, names] as const),
    /** State by name → its piece. */
    before: columns.flatMap(({ names }, column) => {
      const pieces = piecesOf(() => flatStates[column]!);
      return names.map((name, row) => [name, pieces[row]!] as const);
    }),
    /** What the step may use of the state after its move: that which takes nothing of the step. → Its piece. */
    ahead: columns.flatMap(({ tensors, tensor, takesOperand }) => {
      const pieces = piecesOf(() => moveOf(tensor));
      return takesOperand ? [] : tensors.map((tensor, row) => [tensor, pieces[row]!] as const);
    }),
    move(now: (operand: Tensor) => Tensor): Array<readonly [string, Tensor]> {
      for (const [i, operand] of operands.entries()) {
        const parts = rows.map((row, at) => reshape(now(row.operands[i]!), [sizeOf(shapes[at]!)]));
        made.set(operand, concat(parts, 0));
      }
      return columns.map(({ tensor }, column) => [`${prefix}.${column}`, moveOf(tensor)]);
    },
  };
}

/** The state that moves value by value, in rows. */
function rowsOf(next: ReadonlyMap<string, Tensor>, gradients: ReadonlySet<Tensor>): Row[] {
  const together = new Map([...next.keys()].map((name) => [name, [name]]));
  for (const [name, tensor] of next) {
    for (const read of statesRead(tensor, next)) {
      const all = [...new Set([...together.get(name)!, ...together.get(read)!])];
      for (const each of all) together.set(each, all);
    }
  }
  return [...new Set(together.values())].flatMap((names) => {
    const states = [...next.keys()].filter((name) => names.includes(name));
    const isFixed = states.every((name) => next.get(name)!.node.name === name);
    return (isFixed ? undefined : rowOf(states, next, gradients)) ?? [];
  });
}

/** States that a tensor is computed from value by value. */
function statesRead(tensor: Tensor, next: ReadonlyMap<string, Tensor>): string[] {
  const { op, name, inputs } = tensor.node;
  if (op === "Input") return next.has(name!) ? [name!] : [];
  if (!ELEMENTWISE.has(op)) return [];
  return inputs.flatMap((operand) => (sameShape(operand.shape, tensor.shape) ? statesRead(operand, next) : []));
}

/** The row of these states; undefined where one of them is not moved value by value. */
function rowOf(
  states: readonly string[],
  next: ReadonlyMap<string, Tensor>,
  gradients: ReadonlySet<Tensor>,
): Row | undefined {
  const { shape } = next.get(states[0]!)!;
  const operands: Tensor[] = [];
  const texts = states.map((name) => textOf(next.get(name)!));
  return shape.length > 0 && texts.every((text) => text !== undefined) ? { states, operands, texts } : undefined;

  function textOf(tensor: Tensor): string | undefined {
    const { op, name, inputs } = tensor.node;
    if (tensor.shape.length === 0) return scalarText(tensor);
    if (!sameShape(tensor.shape, shape) || tensor.dtype !== "float32") return undefined;
    if (op === "Input" && states.includes(name!)) return `s${states.indexOf(name!)}`;
    if (!isMove(tensor)) return `x${indexIn(operands, tensor)}`;
    return called(op, inputs.map(textOf));
  }

  /** Whether a tensor is worth computing flat: it is made, value by value, from state or from a gradient. */
  function isMove(tensor: Tensor): boolean {
    const { op, name, inputs } = tensor.node;
    if (op === "Input") return states.includes(name!);
    if (gradients.has(tensor) || !ELEMENTWISE.has(op)) return false;
    return inputs.some((operand) => gradients.has(operand) || isMove(operand));
  }
}

/** A scalar that is the same for every row; equal texts are equal values. */
function scalarText({ node: { op, name, data, inputs }, shape }: Tensor): string | undefined {
  if (shape.length > 0) return undefined;
  if (op === "Input") return name;
  if (op === "Constant") return String(data![0]);
  return ELEMENTWISE.has(op) ? called(op, inputs.map(scalarText)) : undefined;
}

function called(op: string, operands: ReadonlyArray<string | undefined>): string | undefined {
  return operands.includes(undefined) ? undefined : `${op}(${operands})`;
}

/** Where a value stands in a list, to whose end it is added where it is missing. */
function indexIn<T>(list: T[], value: T): number {
  if (!list.includes(value)) list.push(value);
  return list.indexOf(value);
}
