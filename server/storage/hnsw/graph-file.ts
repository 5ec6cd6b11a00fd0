// Checks hnswlib's index files, because hnswlib reports success on a full disk and reads whatever it is given. The
// layout that hnswlib 0.8 writes on a 64-bit little-endian machine:
//
//   header  96 bytes: offsetLevel0, maxElements, count, nodeBytes, labelOffset, dataOffset (uint64); maxLevel, entry
//           (uint32); maxM, maxM0, M (uint64); mult (float64); efConstruction (uint64)
//   nodes   count × nodeBytes: links of level 0 (byte 2, bit 0: deleted), vector at dataOffset, label at labelOffset
//   levels  for each node its length in bytes (uint32) and the links of its upper levels
import { closeSync, fstatSync, openSync, readSync } from "node:fs";

const HEADER_BYTES = 96;
/** Nodes read at a time. */
const CHUNK = 1024;

/** One node of a graph file. */
export interface StoredNode {
  /** [D]; a view that the next node overwrites. */
  readonly vector: Float32Array;
  readonly isDeleted: boolean;
}

/** A whole graph file, open. */
export interface GraphFile {
  readonly dimensions: number;
  /** The paper's M. */
  readonly links: number;
  readonly efConstruction: number;
  /** Nodes in the order of their labels 0, 1, 2, … */
  nodes(): Generator<StoredNode>;
  close(): void;
}

/**
 * Opens a graph file and checks that it is whole.
 *
 * @throws Error that says what is wrong with it.
 */
export function openGraphFile(path: string): GraphFile {
  const file = openSync(path, "r");
  try {
    const header = read(file, 0, HEADER_BYTES);
    const uint64 = (offset: number) => Number(header.readBigUInt64LE(offset));
    const [count, nodeBytes, labelOffset, dataOffset] = [uint64(16), uint64(24), uint64(32), uint64(40)];
    const dimensions = (labelOffset - dataOffset) / 4;
    if (uint64(0) !== 0 || !(dimensions >= 1) || nodeBytes !== labelOffset + 8) {
      throw new Error("Expected a graph of hnswlib but the header is another");
    }
    checkEnd(file, HEADER_BYTES + count * nodeBytes, count);
    return {
      dimensions,
      links: uint64(72),
      efConstruction: uint64(88),
      *nodes() {
        const vector = new Float32Array(dimensions);
        const bytes = Buffer.from(vector.buffer);
        for (let from = 0; from < count; from += CHUNK) {
          const chunk = read(file, HEADER_BYTES + from * nodeBytes, Math.min(CHUNK, count - from) * nodeBytes);
          for (let at = 0, label = from; at < chunk.length; at += nodeBytes, label++) {
            if (Number(chunk.readBigUInt64LE(at + labelOffset)) !== label) {
              throw new Error(`Expected node ${label} but the file has another in its place`);
            }
            chunk.copy(bytes, 0, at + dataOffset, at + labelOffset);
            yield { vector, isDeleted: (chunk[at + 2]! & 1) === 1 };
          }
        }
      },
      close: () => closeSync(file),
    };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/** The upper levels must end where the file does: hnswlib stops writing at the first failure. */
function checkEnd(file: number, from: number, count: number): void {
  const { size } = fstatSync(file);
  const levels = read(file, from, size - from);
  let at = 0;
  let node = 0;
  for (; node < count && at + 4 <= levels.length; node++) at += 4 + levels.readUInt32LE(at);
  if (node !== count || at !== levels.length) throw new Error(`Expected a whole graph of ${count} nodes`);
}

function read(file: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(Math.max(0, length));
  if (readSync(file, buffer, 0, buffer.length, position) === length) return buffer;
  throw new Error("Expected a whole graph but the file is cut off");
}
