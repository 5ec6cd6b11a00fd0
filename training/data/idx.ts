// The idx format of MNIST and its kin: a big-endian header (two zero bytes, a type, the number of dimensions, the
// dimensions as uint32), then the items one after another. http://yann.lecun.com/exdb/mnist/
import { MAX_PIXELS } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import { readBytes } from "./source.ts";

/** One item of an idx file: an image of `shape` [H, W] or [H, W, 3], or a label of shape []. */
export interface IdxItem {
  /** Number of items in the file. */
  readonly count: number;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

const UNSIGNED_BYTE = 0x08;
/** Most bytes of an item: those of the largest image, in colour. */
const MAX_ITEM_BYTES = 3 * MAX_PIXELS;

/** True for the name of an idx file: `…-ubyte`, `….idx` and the like, also with `.gz`. */
export function isIdxName(name: string): boolean {
  return /([.-]idx\d?(-ubyte)?|-ubyte)(\.gz)?$/.test(name);
}

/**
 * Reads an idx file of unsigned bytes, item by item; gunzips where the name ends in `.gz`.
 *
 * @throws AppError `invalid_dataset` where the file is no idx file, is shorter or longer than its header says, or has
 *   items larger than images may be, which is told from the header.
 */
export async function* readIdx(path: string): AsyncGenerator<IdxItem> {
  let header: { count: number; shape: number[]; itemLength: number } | undefined;
  let chunks: Buffer[] = [];
  let length = 0;
  let given = 0;
  for await (const chunk of readBytes(path)) {
    chunks.push(chunk);
    length += chunk.length;
    if (header && length < header.itemLength) continue; // joined once, however many chunks an item has
    let buffered = chunks.length > 1 ? Buffer.concat(chunks) : chunk;
    if (!header) {
      const headerLength = buffered.length >= 4 ? 4 + 4 * buffered[3]! : Number.POSITIVE_INFINITY;
      if (buffered.length < headerLength) continue;
      header = parseHeader(buffered, path);
      buffered = buffered.subarray(headerLength);
    }
    const { count, shape, itemLength } = header;
    const whole = Math.min(Math.floor(buffered.length / itemLength), count - given);
    for (let i = 0; i < whole; i++) {
      yield { count, shape, bytes: new Uint8Array(buffered.subarray(i * itemLength, (i + 1) * itemLength)) };
    }
    given += whole;
    chunks = [buffered.subarray(whole * itemLength)];
    length = chunks[0]!.length;
    if (given === count && length > 0) break;
  }
  if (!header || given !== header.count || length > 0) {
    const expected = header ? `${header.count} items` : "a header";
    const found = given === header?.count ? "more" : `${given} and ${length} bytes more`;
    throw new AppError("invalid_dataset", `Expected ${expected} in ${path} but it has ${found}. Download it again.`);
  }
}

function parseHeader(bytes: Buffer, path: string) {
  const dimensions = Array.from({ length: bytes[3]! }, (_, i) => bytes.readUInt32BE(4 + 4 * i));
  const [count, ...shape] = dimensions;
  const itemLength = shape.reduce((product, length) => product * length, 1);
  if (bytes.readUInt16BE(0) !== 0 || bytes[2] !== UNSIGNED_BYTE || count === undefined || itemLength === 0) {
    throw new AppError(
      "invalid_dataset",
      `Expected an idx file of unsigned bytes but ${path} begins with ${bytes.subarray(0, 4).toString("hex")}.`,
    );
  }
  if (itemLength > MAX_ITEM_BYTES) {
    throw new AppError(
      "invalid_dataset",
      `Expected images of at most ${MAX_PIXELS / 1e6} million pixels in ${path} but by its header they have ${shape.join("×")}. Download it again.`,
    );
  }
  return { count, shape, itemLength };
}
