// torch.save since PyTorch 1.6: a zip file with `<name>/data.pkl`, a pickle, and `<name>/data/<key>`, the values of
// each storage.
import { crc32 } from "node:zlib";
import { ByteCursor, type ByteFile, refusal } from "./byte-file.ts";
import { type Checkpoint, contentsOf } from "./checkpoint.ts";
import { readPickle } from "./pickle.ts";
import { storageType } from "./python-objects.ts";
import { ITEM_BYTES, type Storage } from "./tensor.ts";
import { readZip, type ZipEntry } from "./zip.ts";

/** Most bytes of a pickle, which has no weights in it. */
export const MOST_PICKLE = 64 * 1024 * 1024;

export function readTorchZip(file: ByteFile): Checkpoint {
  const entries = readZip(file);
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [name] = pickles;
  if (name === undefined || pickles.length > 1) {
    throw refusal(`it is a zip file with ${pickles.length} entries "<name>/data.pkl", where one by torch.save has one`);
  }
  const folder = name.slice(0, -"data.pkl".length);
  if (entries.has(`${folder}constants.pkl`)) {
    throw refusal(
      "it is a TorchScript program. Write the weights alone in Python: torch.save(model.state_dict(), file)",
    );
  }
  const byteOrder = entries.get(`${folder}byteorder`);
  if (
    byteOrder &&
    byteOrder.size < 16 &&
    Buffer.from(file.read(byteOrder.from, byteOrder.size)).toString() !== "little"
  ) {
    throw refusal("its numbers are not little-endian");
  }
  const pickle = entries.get(name)!;
  if (pickle.size > MOST_PICKLE) {
    throw refusal(`its pickle has ${pickle.size} bytes, more than ${MOST_PICKLE}: weights lie beside it, not in it`);
  }
  checkBytes(file.read(pickle.from, pickle.size), pickle, name);
  const persistent = (id: unknown): Storage => {
    const [kind, type, key, , elements] = Array.isArray(id) ? id : [];
    if (kind !== "storage") throw refusal("its pickle refers to something outside that is no storage");
    const dtype = storageType(type);
    const entry = entries.get(`${folder}data/${key}`);
    if (!entry) throw refusal(`its storage ${JSON.stringify(key)} is missing`);
    if (entry.size !== elements * ITEM_BYTES[dtype]!) {
      throw refusal(`its storage ${key} of ${elements} values of ${dtype} has ${entry.size} bytes`);
    }
    return storageAt(file, entry, dtype, elements, String(key));
  };
  const root = readPickle(new ByteCursor(file, pickle.from, pickle.from + pickle.size), { persistent });
  return { format: "PyTorch (zip)", ...contentsOf(root) };
}

function storageAt(file: ByteFile, entry: ZipEntry, dtype: string, elements: number, key: string): Storage {
  return {
    dtype,
    elements,
    read(from, count) {
      const item = ITEM_BYTES[dtype]!;
      const bytes = file.read(entry.from + from * item, count * item);
      if (count === elements) checkBytes(bytes, entry, `data/${key}`);
      return bytes;
    },
  };
}

function checkBytes(bytes: Uint8Array, { checksum }: ZipEntry, name: string): void {
  if (crc32(bytes) !== checksum) throw refusal(`${name} is damaged: its checksum is another`);
}
