// The safetensors format (huggingface.co/docs/safetensors): 8 bytes header length, a JSON header, the tensors' bytes.
import { z } from "zod";
import { AppError } from "../../core/errors.ts";

/** A tensor of a file. */
export interface StoredTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array | Uint16Array | BigInt64Array | Uint8Array;
}

/** A file's content. */
export interface TensorFile {
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** Text by key, from `__metadata__`. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Element types read and written, by their safetensors names; F16 as raw bits. */
const KINDS = { F32: Float32Array, F16: Uint16Array, I64: BigInt64Array, U8: Uint8Array } as const;

/** Encodes tensors; equal content gives equal bytes. */
export const encodeSafetensors = (content: TensorFile): Uint8Array => Buffer.concat(safetensorsParts(content));

/** The parts of such a file: its header, then each tensor's own bytes, not copied. */
export function safetensorsParts({ tensors, metadata }: TensorFile): Uint8Array[] {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    const [dtype] = Object.entries(KINDS).find(([, Kind]) => data instanceof Kind)!;
    header[name] = { dtype, shape, data_offsets: [end, end + data.byteLength] };
    end += data.byteLength;
  }
  let json = JSON.stringify(header);
  json += " ".repeat((8 - (Buffer.byteLength(json) % 8)) % 8);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(json)));
  const bytes = [...tensors.values()].map(({ data }) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return [length, Buffer.from(json), ...bytes];
}

const size = z.int().nonnegative();
const entrySchema = z.object({ dtype: z.string(), shape: z.array(size), data_offsets: z.tuple([size, size]) });
const headerSchema = z.object({ __metadata__: z.record(z.string(), z.string()).optional() }).catchall(entrySchema);

/**
 * Decodes a file; the tensors are copies.
 *
 * @throws AppError `invalid_checkpoint` where it is not a safetensors file or is cut short.
 */
export function decodeSafetensors(file: Uint8Array): TensorFile {
  const bad = (why: string) => new AppError("invalid_checkpoint", `Expected a safetensors file but ${why}.`);
  if (file.length < 8) throw bad(`it has ${file.length} bytes`);
  const headerLength = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  const start = 8 + headerLength;
  if (start > file.length) throw bad("its header is cut short");
  const { __metadata__: metadata = {}, ...entries } = parseSafetensorsHeader(file.subarray(8, start));
  const tensors = new Map<string, StoredTensor>();
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(entries)) {
    const Kind = KINDS[dtype as keyof typeof KINDS];
    if (!Kind) throw bad(`tensor ${name} has the element type ${dtype}, not one of ${Object.keys(KINDS)}`);
    const [from, to] = data_offsets;
    if (start + to > file.length) throw bad(`tensor ${name} is cut short`);
    const elements = shape.reduce((a, b) => a * b, 1);
    if (to - from !== elements * Kind.BYTES_PER_ELEMENT) throw bad(`tensor ${name} does not fill [${shape}]`);
    tensors.set(name, { shape, data: new Kind(new Uint8Array(file.subarray(start + from, start + to)).buffer) });
  }
  return { tensors, metadata };
}

/**
 * Reads the JSON header of a file: its tensors by name, and `__metadata__`.
 *
 * @throws AppError `invalid_checkpoint` where it is not one.
 */
export function parseSafetensorsHeader(bytes: Uint8Array): z.infer<typeof headerSchema> {
  let json: unknown;
  try {
    json = JSON.parse(Buffer.from(bytes).toString("utf8"));
  } catch (error) {
    throw new AppError("invalid_checkpoint", "Expected a safetensors file but its header is not JSON.", {
      cause: error,
    });
  }
  const header = headerSchema.safeParse(json);
  if (header.success) return header.data;
  const [issue] = header.error.issues;
  const where = issue!.path.length > 0 ? `tensor ${String(issue!.path[0])}` : "the header";
  throw new AppError(
    "invalid_checkpoint",
    `Expected a safetensors file but ${where} is not as it should be: ${issue!.message}.`,
  );
}
