// The Python objects that a checkpoint may be made of: tensors and plain containers. Nothing is looked up by its name
// and nothing of the file is run; any other name is refused.
import { refusal } from "./byte-file.ts";
import { type FileTensor, type Storage, tensorIn } from "./tensor.ts";

/** A name of Python that the file refers to. */
export class PythonName {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** An argparse.Namespace: a dictionary whose entries are attributes. */
export class Namespace extends Map<unknown, unknown> {}

/** A dictionary is a Map; a list, a tuple and a set are arrays; whole numbers beyond 2⁵³ are bigint. */
export type PythonValue = unknown;

/** Element types by the names of PyTorch's storages. */
const STORAGES: Readonly<Record<string, string>> = {
  DoubleStorage: "F64",
  FloatStorage: "F32",
  HalfStorage: "F16",
  BFloat16Storage: "BF16",
  LongStorage: "I64",
  IntStorage: "I32",
  ShortStorage: "I16",
  CharStorage: "I8",
  ByteStorage: "U8",
  BoolStorage: "BOOL",
};

const BUILDERS: Readonly<Record<string, (args: readonly unknown[]) => PythonValue>> = {
  "collections.OrderedDict": ([pairs]) => dictionary(pairs),
  "collections.defaultdict": () => new Map(),
  "builtins.set": ([items]) => list(items),
  "__builtin__.set": ([items]) => list(items),
  "builtins.frozenset": ([items]) => list(items),
  "argparse.Namespace": () => new Namespace(),
  "torch.Size": ([sizes]) => list(sizes),
  "torch.device": (args) => args.join(":"),
  "torch._utils._rebuild_tensor": ([storage, offset, shape, stride]) => tensor(storage, offset, shape, stride),
  "torch._utils._rebuild_tensor_v2": ([storage, offset, shape, stride]) => tensor(storage, offset, shape, stride),
  "torch._utils._rebuild_parameter": ([data]) => data,
};

/** Names that are values and cannot be called. */
const VALUES = new Set([
  "builtins.dict",
  "__builtin__.dict",
  "builtins.list",
  "__builtin__.list",
  "builtins.int",
  "builtins.float",
  ...Object.keys(STORAGES).map((name) => `torch.${name}`),
  ...["float64", "float32", "float16", "bfloat16", "int64", "int32", "uint8", "bool"].map((name) => `torch.${name}`),
]);

/**
 * What a name stands for.
 *
 * @throws AppError `invalid_checkpoint` that says the name, unless it is a tensor's, a plain container's or a type's.
 */
export function findName(module: string, name: string): PythonName {
  const full = `${module}.${name}`;
  if (Object.hasOwn(BUILDERS, full) || VALUES.has(full)) return new PythonName(full);
  throw refusal(
    `it holds the Python object ${JSON.stringify(full)}, and only tensors and plain containers are read. ` +
      "Write the weights alone in Python: torch.save(model.state_dict(), file)",
  );
}

/** Calls what a name stands for. */
export function callName(callee: unknown, args: unknown): PythonValue {
  if (callee instanceof PythonName && Object.hasOwn(BUILDERS, callee.name) && Array.isArray(args)) {
    return BUILDERS[callee.name]!(args);
  }
  const what = callee instanceof PythonName ? callee.name : "a value";
  throw refusal(`it calls ${what}, which is no function that builds tensors or containers`);
}

/** Sets an object's attributes: those of a Namespace are kept, those of a dictionary (`_metadata`) are of no use. */
export function setState(target: unknown, state: unknown): void {
  if (!(target instanceof Map)) throw refusal("it sets attributes of something that has none");
  if (target instanceof Namespace && state instanceof Map) for (const [key, value] of state) target.set(key, value);
}

/** The element type of a storage by its class. */
export function storageType(type: unknown): string {
  const name = type instanceof PythonName ? type.name.replace(/^torch\./, "") : "";
  if (Object.hasOwn(STORAGES, name)) return STORAGES[name]!;
  throw refusal(`a storage is of the unknown type ${name || "of no name"}`);
}

function tensor(storage: unknown, offset: unknown, shape: unknown, stride: unknown): FileTensor {
  if (!isStorage(storage)) throw refusal("a tensor has no storage");
  return tensorIn(storage, Number(offset), numbers(shape), numbers(stride));
}

const isStorage = (value: unknown): value is Storage =>
  typeof value === "object" && value !== null && "elements" in value && "read" in value;

const numbers = (value: unknown): number[] => list(value).map(Number);

function list(value: unknown): readonly unknown[] {
  if (value === undefined) return [];
  if (Array.isArray(value)) return value;
  throw refusal("a list is expected in its pickle where something else stands");
}

function dictionary(pairs: unknown): Map<unknown, unknown> {
  return new Map(
    list(pairs).map((pair) => {
      const [key, value] = list(pair);
      return [key, value];
    }),
  );
}
