import assert from "node:assert/strict";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { AppError } from "../../core/errors.ts";
import { createRandom } from "../../training/data/random.ts";
import { embeddingEncoder } from "../../training/encoder.ts";
import { exportEncoder } from "../../training/export-encoder.ts";
import { input } from "../../training/graph/index.ts";
import { initialValues } from "../../training/network/initialise.ts";
import { evaluationScope } from "../../training/network/scope.ts";
import { TINY_CONFIG } from "../support/tiny-training.ts";

const S = TINY_CONFIG.imageSize;

/** Freshly drawn tensors of the small encoder; the running statistics are not those of a new one. */
function drawnTensors(): Map<string, Float32Array> {
  const random = createRandom(1);
  const tensors = new Map<string, Float32Array>();
  const scope = evaluationScope((spec) => {
    const values = initialValues(spec, random);
    const moved = spec.kind === "buffer" || spec.name.includes("bn") ? values.map((v) => v + random.uniform()) : values;
    tensors.set(spec.name, moved);
    return input(spec.name, spec.shape);
  });
  embeddingEncoder(input("pixels", [1, 3, S, S]), scope, TINY_CONFIG);
  return tensors;
}

describe("exportEncoder", () => {
  const random = createRandom(2);
  const check = Float32Array.from({ length: 4 * 3 * S * S }, () => random.normal());
  const tensors = drawnTensors();
  const refused = (read: (name: string) => Float32Array) =>
    assert.rejects(
      exportEncoder(TINY_CONFIG, read, check),
      (error) =>
        error instanceof AppError && error.code === "invalid_model" && /Nothing was exported/.test(error.message),
    );

  it("exports an encoder that takes any number of images and agrees with the training graph", async () => {
    const { onnx, dimensions, difference } = await exportEncoder(TINY_CONFIG, (name) => tensors.get(name)!, check);
    assert.equal(dimensions, 16);
    assert.ok(difference > 0 && difference <= 1e-5, String(difference));
    const session = await InferenceSession.create(onnx);
    for (const count of [1, 3]) {
      const pixels = new Tensor("float32", check.slice(0, count * 3 * S * S), [count, 3, S, S]);
      assert.deepEqual((await session.run({ pixels })).embedding!.dims, [count, 16]);
    }
    await session.release();
  });

  it("refuses where the exported encoder and the trained one differ", async () => {
    const reads = new Map<string, number>();
    await refused((name) => {
      const times = reads.get(name) ?? 0;
      reads.set(name, times + 1);
      return name === "conv1.weight" && times > 0 ? tensors.get(name)!.map((v) => -v) : tensors.get(name)!;
    });
  });

  it("refuses weights that are not numbers", () =>
    refused((name) => (name === "bn1.bias" ? tensors.get(name)!.map(() => Number.NaN) : tensors.get(name)!)));
});
