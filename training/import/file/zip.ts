// The table of contents of a zip file whose entries are stored, as PyTorch's are: an entry is then a range of the file.
// The 64-bit forms are read too. Nothing is unpacked.
import { type ByteFile, refusal } from "./byte-file.ts";

/** An entry: where its bytes lie in the file. */
export interface ZipEntry {
  readonly from: number;
  readonly size: number;
  /** CRC-32 of its bytes. */
  readonly checksum: number;
}

/** Most bytes of the table of contents; that of a model of 10,000 tensors has one megabyte. */
const MOST_DIRECTORY = 32 * 1024 * 1024;
const [END, END_64, LOCATOR_64, CENTRAL, LOCAL] = [0x06054b50, 0x06064b50, 0x07064b50, 0x02014b50, 0x04034b50];
const [END_BYTES, LOCATOR_BYTES, END_64_BYTES, CENTRAL_BYTES, LOCAL_BYTES] = [22, 20, 56, 46, 30];
const MOST_COMMENT = 0xffff;

/** The entries of a zip file by name; the order is that of the table of contents. */
export function readZip(file: ByteFile): Map<string, ZipEntry> {
  const { from, size, count } = findDirectory(file);
  const directory = viewOf(file.read(from, size));
  const entries = new Map<string, ZipEntry>();
  const ranges: { name: string; from: number; to: number }[] = [];
  let at = 0;
  for (let n = 0; n < count; n++) {
    if (at + CENTRAL_BYTES > size || directory.getUint32(at, true) !== CENTRAL) {
      throw refusal(`its zip table of contents is damaged at entry ${n} of ${count}`);
    }
    const lengths = [28, 30, 32].map((field) => directory.getUint16(at + field, true));
    const end = at + CENTRAL_BYTES + lengths.reduce((a, b) => a + b);
    if (end > size) throw refusal(`its zip table of contents is cut short at entry ${n} of ${count}`);
    const nameEnd = at + CENTRAL_BYTES + lengths[0]!;
    const name = textOf(directory, at + CENTRAL_BYTES, nameEnd);
    checkName(name);
    if (entries.has(name)) throw refusal(`its zip has two entries of the name ${JSON.stringify(name)}`);
    if (directory.getUint16(at + 8, true) & 1) throw refusal(`its zip entry ${JSON.stringify(name)} is encrypted`);
    const method = directory.getUint16(at + 10, true);
    const [packed, stored, header] = wideFields(directory, at, nameEnd, nameEnd + lengths[1]!, name);
    if (method !== 0 || packed !== stored) {
      throw refusal(
        `its zip entry ${JSON.stringify(name)} is compressed (method ${method}), which PyTorch's never are`,
      );
    }
    const local = viewOf(file.read(header, LOCAL_BYTES));
    const start = header + LOCAL_BYTES + local.getUint16(26, true) + local.getUint16(28, true);
    if (local.getUint32(0, true) !== LOCAL || start + stored > from) {
      throw refusal(`its zip entry ${JSON.stringify(name)} does not lie where the table of contents says`);
    }
    const localName = file.read(header + LOCAL_BYTES, local.getUint16(26, true));
    if (Buffer.from(localName).toString("utf8") !== name) {
      throw refusal(`its zip entry ${JSON.stringify(name)} has another name where it lies`);
    }
    ranges.push({ name, from: header, to: start + stored });
    entries.set(name, { from: start, size: stored, checksum: directory.getUint32(at + 16, true) });
    at = end;
  }
  checkApart(ranges);
  return entries;
}

/** Where the table of contents lies. */
function findDirectory(file: ByteFile): { from: number; size: number; count: number } {
  const tailBytes = Math.min(file.size, END_BYTES + MOST_COMMENT);
  const tail = viewOf(file.read(file.size - tailBytes, tailBytes));
  let at = tailBytes - END_BYTES;
  while (
    at >= 0 &&
    !(tail.getUint32(at, true) === END && at + END_BYTES + tail.getUint16(at + 20, true) === tailBytes)
  ) {
    at--;
  }
  if (at < 0) throw refusal("it begins as a zip file but its end is missing: it is cut short");
  let [count, size, from] = [
    tail.getUint16(at + 10, true),
    tail.getUint32(at + 12, true),
    tail.getUint32(at + 16, true),
  ];
  const end = file.size - tailBytes + at;
  const locator = end >= LOCATOR_BYTES ? viewOf(file.read(end - LOCATOR_BYTES, LOCATOR_BYTES)) : undefined;
  if (locator?.getUint32(0, true) === LOCATOR_64) {
    const wide = viewOf(file.read(whole(locator, 8), END_64_BYTES));
    if (wide.getUint32(0, true) !== END_64) throw refusal("its zip end of 64 bits is missing");
    [count, size, from] = [whole(wide, 32), whole(wide, 40), whole(wide, 48)];
  }
  if (size > MOST_DIRECTORY) {
    throw refusal(`its zip table of contents has ${size} bytes, more than ${MOST_DIRECTORY}`);
  }
  if (count * CENTRAL_BYTES > size || from + size > end) {
    throw refusal(`its zip table of contents of ${count} entries does not fit into the file`);
  }
  return { from, size, count };
}

/**
 * Packed and stored size, and the place of the local header; fields that do not fit 32 bits stand in an extra field.
 */
function wideFields(directory: DataView, at: number, from: number, to: number, name: string): [number, number, number] {
  const narrow = [20, 24, 42].map((field) => directory.getUint32(at + field, true));
  if (!narrow.includes(0xffffffff)) return narrow as [number, number, number];
  for (let extra = from; extra + 4 <= to; ) {
    const length = directory.getUint16(extra + 2, true);
    if (directory.getUint16(extra, true) !== 1) {
      extra += 4 + length;
      continue;
    }
    let next = extra + 4;
    const take = () => {
      if (next + 8 > Math.min(to, extra + 4 + length))
        throw refusal(`its zip entry ${JSON.stringify(name)} has no size`);
      next += 8;
      return whole(directory, next - 8);
    };
    // In the extra field the stored size stands before the packed one.
    const [packed, stored, header] = narrow as [number, number, number];
    const wideStored = stored === 0xffffffff ? take() : stored;
    const widePacked = packed === 0xffffffff ? take() : packed;
    return [widePacked, wideStored, header === 0xffffffff ? take() : header];
  }
  throw refusal(`its zip entry ${JSON.stringify(name)} has no size`);
}

/**
 * Entries are never written anywhere; a name that leads out of the archive all the same says that it was made to harm.
 */
function checkName(name: string): void {
  const leadsOut = name.split("/").includes("..") || name.startsWith("/") || /[\\\0]|^[A-Za-z]:/.test(name);
  if (name === "" || leadsOut) throw refusal(`its zip has an entry of the name ${JSON.stringify(name)}`);
}

/** Entries that share bytes would make a small file large. */
function checkApart(ranges: { name: string; from: number; to: number }[]): void {
  const inOrder = ranges.toSorted((a, b) => a.from - b.from);
  for (const [n, { name, from }] of inOrder.entries()) {
    const before = inOrder[n - 1];
    if (before && from < before.to) {
      throw refusal(`its zip entries ${JSON.stringify(before.name)} and ${JSON.stringify(name)} lie in the same place`);
    }
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: Uint8Array) => new DataView(buffer, byteOffset, byteLength);

const textOf = (view: DataView, from: number, to: number) =>
  Buffer.from(view.buffer, view.byteOffset + from, to - from).toString("utf8");

function whole(view: DataView, at: number): number {
  const value = Number(view.getBigUint64(at, true));
  if (!Number.isSafeInteger(value)) throw refusal("its zip says a size beyond that of any file");
  return value;
}
