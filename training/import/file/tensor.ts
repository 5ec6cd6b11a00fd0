// Tensors that lie in a file: their shape is known, their values are read when they are asked for.
import { fromHalf } from "../../../core/half.ts";
import { refusal } from "./byte-file.ts";

/** Bytes of an element by safetensors' names of the element types. */
export const ITEM_BYTES: Readonly<Record<string, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
};

/** A tensor of a checkpoint. */
export interface FileTensor {
  readonly shape: readonly number[];
  /** As safetensors names it. */
  readonly dtype: string;
  /**
   * Its values, row by row.
   *
   * @throws AppError `invalid_checkpoint` where they are no floating-point numbers or the file is damaged.
   */
  read(): Float32Array;
}

/** Values side by side in a file, that tensors are views of. */
export interface Storage {
  readonly dtype: string;
  /** How many values. */
  readonly elements: number;
  /** The bytes of `count` values from the value `from` on. */
  read(from: number, count: number): Uint8Array;
}

/** Most dimensions of a tensor. */
const MOST_DIMENSIONS = 8;

/**
 * A tensor of values of `storage`: the value at index i is `offset + Σ iₙ · strideₙ`.
 *
 * @throws AppError `invalid_checkpoint` where it has more values than the storage or lies outside of it.
 */
export function tensorIn(
  storage: Storage,
  offset: number,
  shape: readonly number[],
  stride: readonly number[],
): FileTensor {
  const counts = [offset, ...shape, ...stride];
  if (shape.length !== stride.length || !counts.every((n) => Number.isSafeInteger(n) && n >= 0)) {
    throw refusal(`a tensor has the shape [${shape}], the strides [${stride}] and the offset ${offset}`);
  }
  if (shape.length > MOST_DIMENSIONS) throw refusal(`a tensor has ${shape.length} dimensions`);
  const elements = shape.reduce((a, b) => a * b, 1);
  const last = shape.reduce((sum, n, i) => sum + (n - 1) * stride[i]!, offset);
  if (elements > 0 && !(elements <= storage.elements && last < storage.elements)) {
    throw refusal(`a tensor of [${shape}] does not fit into its storage of ${storage.elements} values`);
  }
  const { dtype } = storage;
  return {
    shape,
    dtype,
    read() {
      if (elements === 0) return new Float32Array(0);
      const values = floats(storage.read(offset, last - offset + 1), dtype);
      return isContiguous(shape, stride) ? values : gathered(values, elements, shape, stride);
    },
  };
}

/** Strides of a tensor whose values lie row by row. */
export const rowMajor = (shape: readonly number[]): number[] =>
  shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1));

const isContiguous = (shape: readonly number[], stride: readonly number[]): boolean =>
  rowMajor(shape).every((step, i) => shape[i] === 1 || stride[i] === step);

/** Values in the order of the rows, from another order such as PyTorch's channels_last. */
function gathered(values: Float32Array, count: number, shape: readonly number[], stride: readonly number[]) {
  const steps = rowMajor(shape);
  return Float32Array.from({ length: count }, (_, i) => {
    let at = 0;
    for (let d = 0; d < shape.length; d++) at += (Math.floor(i / steps[d]!) % shape[d]!) * stride[d]!;
    return values[at]!;
  });
}

/** Little-endian bytes as numbers; `bytes` is in memory of its own. */
function floats({ buffer }: Uint8Array, dtype: string): Float32Array {
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer);
    case "F64":
      return Float32Array.from(new Float64Array(buffer));
    case "F16":
      return fromHalf(new Uint16Array(buffer));
    case "BF16": // the upper half of a float32
      return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer);
    default:
      throw refusal(`a weight has the element type ${dtype}, and not one of F32, F64, F16 and BF16`);
  }
}
