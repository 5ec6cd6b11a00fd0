import assert from "node:assert/strict";
import { AppError } from "../../../core/errors.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../../../training/data/safetensors.ts";

const tensors = new Map<string, StoredTensor>([
  ["weight", { shape: [2, 3], data: Float32Array.of(1, -0, Number.NaN, Number.POSITIVE_INFINITY, 1e-45, 3.5) }],
  ["nothing", { shape: [0, 4], data: new Float32Array(0) }],
  ["odd bytes", { shape: [3], data: Uint8Array.of(0, 127, 255) }],
  ["größe", { shape: [], data: BigInt64Array.of(-(2n ** 63n)) }],
]);
const file = encodeSafetensors({ tensors, metadata: { note: "ü" } });

/** A file with this header, written by the description of the format. */
function written(header: unknown, data: number[] = []): Uint8Array {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.from(data)]);
}

const refused = (bytes: Uint8Array, message: RegExp) =>
  assert.throws(
    () => decodeSafetensors(bytes),
    (error) => error instanceof AppError && error.code === "invalid_checkpoint" && message.test(error.message),
  );

describe("safetensors", () => {
  it("gives back what was written, bit by bit", () => {
    const decoded = decodeSafetensors(file);
    assert.deepEqual(decoded.metadata, { note: "ü" });
    assert.deepEqual([...decoded.tensors], [...tensors]);
  });

  it("reads a file that something else wrote, tensors in any order", () => {
    const header = {
      b: { dtype: "U8", shape: [2], data_offsets: [4, 6] },
      a: { dtype: "F32", shape: [1], data_offsets: [0, 4] },
    };
    const { tensors, metadata } = decodeSafetensors(written(header, [0, 0, 128, 63, 7, 8]));
    assert.deepEqual(metadata, {});
    assert.deepEqual(tensors.get("a")!.data, Float32Array.of(1));
    assert.deepEqual(tensors.get("b")!.data, Uint8Array.of(7, 8));
  });

  it("refuses a file that is cut anywhere", () => {
    for (let length = 0; length < file.length; length++)
      refused(file.subarray(0, length), /Expected a safetensors file/);
  });

  it("refuses what is not one", () => {
    refused(Buffer.alloc(64, 255), /header is cut short/);
    refused(written("{"), /not JSON/);
    refused(written("null"), /the header is not/);
    refused(written({ a: 1 }), /tensor a/);
    refused(written({ a: { dtype: "BF16", shape: [1], data_offsets: [0, 2] } }, [0, 0]), /BF16/);
    refused(written({ a: { dtype: "F32", shape: [2], data_offsets: [0, 4] } }, [0, 0, 0, 0]), /tensor a/);
    refused(written({ a: { dtype: "F32", shape: [1], data_offsets: [0, 3] } }, [0, 0, 0]), /tensor a/);
    refused(written({ a: { dtype: "U8", shape: [1], data_offsets: [1, 0] } }, [0]), /tensor a/);
    refused(written({ a: { dtype: "U8", shape: [1], data_offsets: [-1, 0] } }, [0]), /tensor a/);
  });
});
