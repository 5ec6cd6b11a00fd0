// torch.save before PyTorch 1.6: pickles one after the other (magic number, version, system, the object, the keys of
// its storages), then each storage: how many values as 64 bits, and the values.
import { ByteCursor, type ByteFile, refusal } from "./byte-file.ts";
import { type Checkpoint, contentsOf } from "./checkpoint.ts";
import { readPickle } from "./pickle.ts";
import { storageType } from "./python-objects.ts";
import { ITEM_BYTES, type Storage } from "./tensor.ts";
import { MOST_PICKLE } from "./torch-zip.ts";

const MAGIC = 0x1950a86a20f9469cfc6cn;
const VERSION = 1001;

/** A storage whose place in the file is known once the pickles are read. */
interface Placed extends Storage {
  from: number | undefined;
}

export function readTorchLegacy(file: ByteFile): Checkpoint {
  const bytes = new ByteCursor(file, 0, MOST_PICKLE);
  const storages = new Map<string, Placed>();
  const outside = {
    persistent: (): never => {
      throw refusal("a storage is referred to before its object");
    },
  };
  if (readPickle(bytes, outside) !== MAGIC) throw refusal("it is a Python pickle but was not written by torch.save");
  const version = readPickle(bytes, outside);
  if (version !== VERSION) throw refusal(`it is of the version ${version} of torch.save's format, not ${VERSION}`);
  const system = readPickle(bytes, outside);
  if (system instanceof Map && system.get("little_endian") === false)
    throw refusal("its numbers are not little-endian");
  const root = readPickle(bytes, {
    persistent(id) {
      const [kind, type, key, , elements, view] = Array.isArray(id) ? id : [];
      if (kind !== "storage" || !Number.isSafeInteger(elements) || elements < 0) {
        throw refusal("its pickle refers to something outside that is no storage");
      }
      // Views of storages were given up before version 1; what is left of them is a view of all.
      if (Array.isArray(view) && (view[1] !== 0 || view[2] !== elements)) throw refusal(`its storage ${key} is a view`);
      const dtype = storageType(type);
      const known = storages.get(String(key));
      if (known && (known.dtype !== dtype || known.elements !== elements)) {
        throw refusal(`its storage ${key} is described in two ways`);
      }
      const storage = known ?? placed(file, String(key), dtype, elements);
      storages.set(String(key), storage);
      return storage;
    },
  });
  const keys = readPickle(bytes, outside);
  if (!Array.isArray(keys)) throw refusal("its list of storages is missing");
  place(file, bytes.at, keys.map(String), storages);
  return { format: "PyTorch (before 1.6)", ...contentsOf(root) };
}

/** Finds each storage in the file. */
function place(file: ByteFile, from: number, keys: readonly string[], storages: ReadonlyMap<string, Placed>): void {
  let at = from;
  for (const key of keys) {
    const storage = storages.get(key);
    if (!storage) throw refusal(`its storage ${JSON.stringify(key)} is of no tensor`);
    if (storage.from !== undefined) throw refusal(`its storage ${key} is there twice`);
    const count = new DataView(file.read(at, 8).buffer).getBigInt64(0, true);
    if (count !== BigInt(storage.elements)) {
      throw refusal(`its storage ${key} has ${count} values where its tensors say ${storage.elements}`);
    }
    storage.from = at + 8;
    at = storage.from + storage.elements * ITEM_BYTES[storage.dtype]!;
    if (at > file.size) throw refusal(`it is cut short in storage ${key}, at byte ${file.size} of ${at} or more`);
  }
  for (const [key, { from }] of storages) if (from === undefined) throw refusal(`its storage ${key} is missing`);
}

function placed(file: ByteFile, key: string, dtype: string, elements: number): Placed {
  return {
    dtype,
    elements,
    from: undefined,
    read(first, count) {
      if (this.from === undefined) throw refusal(`its storage ${key} is missing`);
      const item = ITEM_BYTES[dtype]!;
      return file.read(this.from + first * item, count * item);
    },
  };
}
