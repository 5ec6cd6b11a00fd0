// What a checkpoint holds, whatever format it is written in.
import { refusal } from "./byte-file.ts";
import type { FileTensor } from "./tensor.ts";

/** An open checkpoint. */
export interface Checkpoint {
  /** The format in words, such as "PyTorch (zip)". */
  readonly format: string;
  /** Tensors by the names of the dictionaries around them, joined by dots. */
  readonly tensors: ReadonlyMap<string, FileTensor>;
  /** Texts and numbers beside the weights, such as `epoch` and `arch`. */
  readonly facts: ReadonlyMap<string, string | number>;
}

/** Dictionaries in dictionaries, at most. */
const MOST_LEVELS = 8;

/**
 * The tensors and facts of the object that was saved.
 *
 * @throws AppError `invalid_checkpoint` where it holds itself, two tensors of one name, or no tensor at all.
 */
export function contentsOf(root: unknown): Pick<Checkpoint, "tensors" | "facts"> {
  const tensors = new Map<string, FileTensor>();
  const facts = new Map<string, string | number>();
  const around: unknown[] = [];
  const seen = new Set<unknown>();
  const visit = (value: unknown, path: string) => {
    if (isTensor(value)) {
      if (tensors.has(path)) throw refusal(`it has two tensors of the name ${path}`);
      tensors.set(path, value);
    } else if (typeof value === "string" || typeof value === "number") facts.set(path, value);
    else if (value instanceof Map) {
      if (around.includes(value)) throw refusal(`the dictionary ${path || "at its top"} holds itself`);
      if (around.length === MOST_LEVELS) throw refusal(`its dictionaries lie more than ${MOST_LEVELS} deep at ${path}`);
      if (seen.has(value)) return; // a dictionary under two names is read once
      seen.add(value);
      around.push(value);
      for (const [key, inner] of value) {
        if (typeof key === "string") visit(inner, path ? `${path}.${key}` : key);
      }
      around.pop();
    }
  };
  visit(root, "");
  if (tensors.size === 0) throw refusal("it holds no tensor by a name");
  return { tensors, facts };
}

const isTensor = (value: unknown): value is FileTensor =>
  typeof value === "object" && value !== null && "dtype" in value && "shape" in value;
