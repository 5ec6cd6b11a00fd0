// safetensors files of any size and from anywhere.
import { parseSafetensorsHeader } from "../../data/safetensors.ts";
import { type ByteFile, refusal } from "./byte-file.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type FileTensor, ITEM_BYTES, rowMajor, tensorIn } from "./tensor.ts";

/** Most bytes of the header; the format allows 100 MB, and a model of 10,000 tensors needs one. */
const MOST_HEADER = 32 * 1024 * 1024;

export function readSafetensorsFile(file: ByteFile): Checkpoint {
  const headerBytes = Number(new DataView(file.read(0, 8).buffer).getBigUint64(0, true));
  if (headerBytes > MOST_HEADER) throw refusal(`its header has ${headerBytes} bytes, more than ${MOST_HEADER}`);
  const { __metadata__ = {}, ...entries } = parseSafetensorsHeader(file.read(8, headerBytes));
  const tensors = new Map<string, FileTensor>();
  const ranges: { name: string; from: number; to: number }[] = [];
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries)) {
    const item = Object.hasOwn(ITEM_BYTES, dtype) ? ITEM_BYTES[dtype]! : undefined;
    if (!item) throw refusal(`tensor ${name} has the unknown element type ${dtype}`);
    const [from, to] = data_offsets;
    const elements = shape.reduce((a, b) => a * b, 1);
    if (to - from !== elements * item) throw refusal(`tensor ${name} of [${shape}] has ${to - from} bytes`);
    const start = 8 + headerBytes + from;
    if (8 + headerBytes + to > file.size) throw refusal(`it is cut short in tensor ${name}`);
    const storage = {
      dtype,
      elements,
      read: (first: number, count: number) => file.read(start + first * item, count * item),
    };
    tensors.set(name, tensorIn(storage, 0, shape, rowMajor(shape)));
    ranges.push({ name, from, to });
  }
  ranges.sort((a, b) => a.from - b.from || a.to - b.to);
  for (const [n, { name, from }] of ranges.entries()) {
    const before = ranges[n - 1];
    if (before && from < before.to) throw refusal(`tensors ${before.name} and ${name} lie in the same place`);
  }
  if (tensors.size === 0) throw refusal("it holds no tensor");
  return { format: "safetensors", tensors, facts: new Map(Object.entries(__metadata__)) };
}
