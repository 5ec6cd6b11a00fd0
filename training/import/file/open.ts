// Opens a checkpoint; its format is told by its content, not by its name.
import { type ByteFile, openByteFile, refusal } from "./byte-file.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { readSafetensorsFile } from "./safetensors-file.ts";
import { readTorchLegacy } from "./torch-legacy.ts";
import { readTorchZip } from "./torch-zip.ts";

/** Beginnings of files that are taken for checkpoints by mistake, and what to do with them. */
const OTHERS: readonly (readonly [begins: string, what: string])[] = [
  ["\x89HDF", "an HDF5 file, as Keras writes them. Load it there and write its weights as safetensors"],
  ["\x93NUMPY", "a NumPy array"],
  ["\x1f\x8b", "compressed with gzip. Unpack it first"],
  ["\x08", "an ONNX file, it seems. moco-search add takes those"],
];

/**
 * Opens a `.pth`, `.pth.tar`, `.pt`, `.ckpt` or `.safetensors` file. Reads its table of contents; weights are read when
 * they are asked for, until `close`.
 *
 * @throws AppError `invalid_checkpoint` that says what cannot be read.
 */
export function openCheckpoint(path: string): Checkpoint & { close(): void } {
  const file = openByteFile(path);
  try {
    return { ...readContents(file), close: file.close };
  } catch (error) {
    file.close();
    throw error;
  }
}

function readContents(file: ByteFile): Checkpoint {
  const begins = Buffer.from(file.read(0, Math.min(file.size, 16))).toString("latin1");
  if (begins[8] === "{") return readSafetensorsFile(file); // first: its length before that may look like anything
  if (begins.startsWith("PK")) return readTorchZip(file);
  if (begins.startsWith("\x80")) return readTorchLegacy(file);
  if (file.size > 512 && Buffer.from(file.read(257, 5)).toString("latin1") === "ustar") {
    throw refusal(
      "it is a tar archive, as PyTorch before 0.1.10 wrote them or as checkpoints are packed. Unpack it first",
    );
  }
  const other = OTHERS.find(([prefix]) => begins.startsWith(prefix));
  throw refusal(other ? `it is ${other[1]}` : "it is neither written by torch.save nor a safetensors file");
}
