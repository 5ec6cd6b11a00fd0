// Reads a zip whose files are stored, not deflated.
import { crc32 } from "node:zlib";

/** The files of a zip by name, in their order; checks their CRC. */
export function unzip(zip: Buffer): Map<string, Buffer> {
  const end = zip.lastIndexOf(Buffer.from("PK\x05\x06"));
  const files = new Map<string, Buffer>();
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const [nameLength, extraLength, commentLength] = [28, 30, 32].map((offset) => zip.readUInt16LE(at + offset));
    const name = zip.toString("utf8", at + 46, at + 46 + nameLength!);
    const header = zip.readUInt32LE(at + 42);
    const from = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28);
    const bytes = zip.subarray(from, from + zip.readUInt32LE(at + 24));
    if (zip.readUInt16LE(at + 10) !== 0 || crc32(bytes) !== zip.readUInt32LE(at + 16)) throw new Error(`bad: ${name}`);
    if (files.has(name)) throw new Error(`twice: ${name}`);
    files.set(name, bytes);
    at += 46 + nameLength! + extraLength! + commentLength!;
  }
  return files;
}
