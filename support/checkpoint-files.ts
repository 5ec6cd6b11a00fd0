// Checkpoints made byte by byte, as no torch.save would write them: for tests of what is refused.
import { crc32 } from "node:zlib";

/** Opcodes of a pickle as bytes: numbers are opcodes, texts are themselves. */
export const bytesOf = (...parts: readonly (number | string | Uint8Array)[]): Buffer =>
  Buffer.concat(
    parts.map((part) =>
      typeof part === "number" ? Buffer.of(part) : typeof part === "string" ? Buffer.from(part) : part,
    ),
  );

/** A 32-bit number. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

/** A 64-bit number. */
export function uint64(value: number | bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** A text in a pickle. */
export const text = (value: string): Buffer => bytesOf("X", uint32(Buffer.byteLength(value)), value);
/** A whole number in a pickle. */
export const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(5, "J");
  bytes.writeInt32LE(value, 1);
  return bytes;
};
/** A tuple of values in a pickle. */
export const tuple = (...items: readonly Uint8Array[]): Buffer => bytesOf("(", ...items, "t");
/** A name of Python in a pickle. */
export const name = (module: string, attribute: string): Buffer => bytesOf(`c${module}\n${attribute}\n`);
/** A call in a pickle. */
export const call = (callee: Uint8Array, ...args: readonly Uint8Array[]): Buffer =>
  bytesOf(callee, tuple(...args), "R");
/** A dictionary in a pickle. */
export const dictionary = (...entries: readonly (readonly [key: string, value: Uint8Array])[]): Buffer =>
  bytesOf("}(", ...entries.flatMap(([key, value]) => [text(key), value]), "u");
/** A whole pickle. */
export const pickle = (...parts: readonly Uint8Array[]): Buffer => bytesOf(0x80, 2, ...parts, ".");

/** The persistent id of a storage of floats. */
export const storage = (key: string, elements: Uint8Array, type = name("torch", "FloatStorage")): Buffer =>
  bytesOf(tuple(text("storage"), type, text(key), text("cpu"), elements), "Q");

/** A tensor in a pickle. */
export const tensor = (
  shape: readonly Uint8Array[],
  stride: readonly Uint8Array[],
  { of = storage("0", int(4)), offset = int(0) }: { of?: Uint8Array; offset?: Uint8Array } = {},
): Buffer =>
  call(
    name("torch._utils", "_rebuild_tensor_v2"),
    of,
    offset,
    tuple(...shape),
    tuple(...stride),
    bytesOf(0x89),
    bytesOf("N"),
  );

/** An entry of a zip file, and what of it is wrong. */
export interface MadeEntry {
  readonly name: string;
  readonly data: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  /** CRC-32 in the table of contents. */
  readonly checksum?: number;
  /** Sizes in the table of contents. */
  readonly size?: number;
  /** Name at the entry itself. */
  readonly localName?: string;
  /** Place that the table of contents says. */
  readonly at?: number;
}

/** A zip file. `end` changes what its end says of the table of contents. */
export function zip(
  entries: readonly MadeEntry[],
  end: { readonly count?: number; readonly size?: number; readonly from?: number } = {},
): Buffer {
  const files: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const { name, data, method = 0, flags = 0, size = data.length, localName = name, ...entry } of entries) {
    const checksum = entry.checksum ?? crc32(data);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50);
    local.writeUInt16LE(Buffer.byteLength(localName), 26);
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50);
    central.writeUInt16LE(flags, 8);
    central.writeUInt16LE(method, 10);
    central.writeUInt32LE(checksum, 16);
    central.writeUInt32LE(data.length, 20);
    central.writeUInt32LE(size, 24);
    central.writeUInt16LE(Buffer.byteLength(name), 28);
    central.writeUInt32LE(entry.at ?? at, 42);
    const file = bytesOf(local, localName, data);
    files.push(file);
    directory.push(bytesOf(central, name));
    at += file.length;
  }
  const contents = Buffer.concat(directory);
  const tail = Buffer.alloc(22);
  tail.writeUInt32LE(0x06054b50);
  tail.writeUInt16LE(end.count ?? entries.length, 10);
  tail.writeUInt32LE(end.size ?? contents.length, 12);
  tail.writeUInt32LE(end.from ?? at, 16);
  return Buffer.concat([...files, contents, tail]);
}

/** A file of torch.save since 1.6 with this pickle and four floats as storage "0". */
export const torchZip = (data: Uint8Array, ...more: readonly MadeEntry[]): Buffer =>
  zip([{ name: "a/data.pkl", data }, { name: "a/data/0", data: new Uint8Array(16) }, ...more]);

/** A file of torch.save before 1.6: the object's pickle, the keys of its storages, and what follows. */
export function torchLegacy(
  object: Uint8Array,
  keys: readonly string[],
  storages: Uint8Array,
  { magic = "6cfc9c46f9206aa85019", littleEndian = true }: { magic?: string; littleEndian?: boolean } = {},
): Buffer {
  return Buffer.concat([
    pickle(bytesOf(0x8a, 10, Buffer.from(magic, "hex"))),
    pickle(bytesOf("M", Buffer.of(0xe9, 0x03))),
    pickle(dictionary(["little_endian", bytesOf(littleEndian ? 0x88 : 0x89)])),
    object,
    pickle(bytesOf("](", ...keys.map(text), "e")),
    storages,
  ]);
}
