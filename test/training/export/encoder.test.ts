import assert from "node:assert/strict";
import { AppError } from "../../../core/errors.ts";
import { InferenceSession, Tensor } from "../../../core/onnxruntime.ts";
import { TWO_STAGES } from "../../../support/tiny-training.ts";
import { createRandom } from "../../../training/data/random.ts";
import { EXPORT_TOLERANCE, exportEncoder } from "../../../training/export/encoder.ts";
import { input } from "../../../training/graph/index.ts";
import { type Embedding, projectionEncoder } from "../../../training/network/encoder.ts";
import { initialValues } from "../../../training/network/initialise.ts";
import { evaluationScope } from "../../../training/network/scope.ts";

const S = TWO_STAGES.imageSize;

/** Freshly drawn tensors of the small encoder; the running statistics are not those of a new one. */
function drawnTensors(config: Parameters<typeof exportEncoder>[0] = TWO_STAGES): Map<string, Float32Array> {
  const random = createRandom(1);
  const tensors = new Map<string, Float32Array>();
  const scope = evaluationScope((spec) => {
    const values = initialValues(spec, random);
    const moved = spec.kind === "buffer" || spec.name.includes("bn") ? values.map((v) => v + random.uniform()) : values;
    tensors.set(spec.name, moved);
    return input(spec.name, spec.shape);
  });
  projectionEncoder(input("pixels", [1, 3, S, S]), scope, config);
  return tensors;
}

describe("exportEncoder", () => {
  const random = createRandom(2);
  const check = Float32Array.from({ length: 4 * 3 * S * S }, () => random.normal());
  const tensors = drawnTensors();
  const refused = (read: (name: string) => Float32Array) =>
    assert.rejects(
      exportEncoder(TWO_STAGES, read, check),
      (error) =>
        error instanceof AppError && error.code === "invalid_model" && /Nothing was exported/.test(error.message),
    );

  it("exports an encoder that takes any number of images and agrees with the training graph", async () => {
    const { onnx, dimensions, difference } = await exportEncoder(TWO_STAGES, (name) => tensors.get(name)!, check);
    assert.equal(dimensions, 16);
    assert.ok(difference > 0 && difference <= 1e-5, String(difference));
    const session = await InferenceSession.create(onnx);
    for (const count of [1, 3]) {
      const pixels = new Tensor("float32", check.slice(0, count * 3 * S * S), [count, 3, S, S]);
      assert.deepEqual((await session.run({ pixels })).embedding!.dims, [count, 16]);
    }
    await session.release();
  });

  it("exports an encoder whose last stage is one place for any number of images", async () => {
    const { architecture } = TWO_STAGES;
    const config = { ...TWO_STAGES, architecture: { ...architecture, stem: { ...architecture.stem, stride: 8 } } };
    const drawn = drawnTensors(config);
    const { difference } = await exportEncoder(config, (name) => drawn.get(name)!, check);
    assert.ok(difference <= 1e-5, String(difference));
  });

  it("exports the projection of a head with batch norm", async () => {
    const config = { ...TWO_STAGES, head: "mlp-bn", headWidth: 12, headLayers: 3 } as const;
    const drawn = drawnTensors(config);
    assert.ok(drawn.has("fc.4.bias") && drawn.has("fc.7.running_var") && !drawn.has("fc.7.weight"));
    const { difference } = await exportEncoder(config, (name) => drawn.get(name)!, check, {
      embedding: { kind: "projection" },
    });
    assert.ok(difference > 0 && difference <= 1e-5, String(difference));
  });

  it("exports what it is asked for, of unit norm: features, projection, or whitened features", async () => {
    const whitening = { mean: new Float32Array(16).fill(0.1), matrix: new Float32Array(16 * 4), dimensions: 4 };
    for (let d = 0; d < 4; d++) whitening.matrix[(3 * d + 1) * 4 + d] = d + 1; // turns feature 3d + 1 to place d
    const embed = async (embedding: Embedding) => {
      const { onnx, dimensions } = await exportEncoder(TWO_STAGES, (name) => tensors.get(name)!, check, { embedding });
      const session = await InferenceSession.create(onnx);
      const out = await session.run({ pixels: new Tensor("float32", check, [4, 3, S, S]) });
      await session.release();
      return { dimensions, rows: out.embedding!.data as Float32Array };
    };
    const features = await embed({ kind: "features" });
    const projection = await embed({ kind: "projection" });
    const whitened = await embed({ kind: "whitened", whitening });
    assert.deepEqual([features.dimensions, projection.dimensions, whitened.dimensions], [16, TWO_STAGES.dim, 4]);
    assert.notDeepEqual(features.rows, projection.rows);
    for (let n = 0; n < 4; n++) {
      const expected = [0, 1, 2, 3].map((d) => (features.rows[n * 16 + 3 * d + 1]! - 0.1) * (d + 1));
      const length = Math.hypot(...expected);
      for (const [d, value] of expected.entries()) {
        assert.ok(Math.abs(whitened.rows[n * 4 + d]! - value / length) < 1e-5);
      }
    }
  });

  it("averages an image with its mirror image, and puts the last stages side by side; weights are in the file once", async () => {
    const embed = async (pixels: Float32Array, embedding: Embedding) => {
      const { onnx } = await exportEncoder(TWO_STAGES, (name) => tensors.get(name)!, check, { embedding });
      const session = await InferenceSession.create(onnx);
      const out = await session.run({ pixels: new Tensor("float32", pixels, [4, 3, S, S]) });
      await session.release();
      return { bytes: onnx.length, rows: out.embedding!.data as Float32Array };
    };
    const near = (actual: Float32Array, expected: (i: number) => number) =>
      actual.forEach((value, i) => {
        assert.ok(Math.abs(value - expected(i)) < 1e-5, `entry ${i}: ${value} is not ${expected(i)}`);
      });
    const mirrorImage = check.map((_, i) => check[i - (i % S) + S - 1 - (i % S)]!);
    const features = await embed(check, { kind: "features" });
    const others = await embed(mirrorImage, { kind: "features" });
    const mirrored = await embed(check, { kind: "features", mirrored: true });
    const sums = features.rows.map((value, i) => value + others.rows[i]!);
    const rowOf = (i: number) => sums.subarray(i - (i % 16), i - (i % 16) + 16);
    near(mirrored.rows, (i) => sums[i]! / Math.hypot(...rowOf(i)));
    const again = await embed(mirrorImage, { kind: "features", mirrored: true });
    near(again.rows, (i) => mirrored.rows[i]!);
    assert.ok(mirrored.bytes < 1.3 * features.bytes, `${mirrored.bytes} bytes for ${features.bytes}`);

    const both = await embed(check, { kind: "features", stages: 2 }); // 8 and 16 channels
    assert.equal(both.rows.length, 4 * 24);
    near(features.rows, (i) => both.rows[Math.floor(i / 16) * 24 + 8 + (i % 16)]! * Math.SQRT2);
  });

  it("puts what the quarters differ by beside the mean, as much as it is told to", async () => {
    const embed = async (layout: number) => {
      const embedding = { kind: "features", layout } as const;
      const { onnx } = await exportEncoder(TWO_STAGES, (name) => tensors.get(name)!, check, { embedding });
      const session = await InferenceSession.create(onnx);
      const out = await session.run({ pixels: new Tensor("float32", check, [4, 3, S, S]) });
      await session.release();
      return out.embedding!.data as Float32Array;
    };
    const F = 16;
    const [without, some, twice] = [await embed(0), await embed(0.4), await embed(0.8)];
    const inUnitsOfMean = (rows: Float32Array, n: number) => {
      const row = rows.subarray(n * 5 * F, (n + 1) * 5 * F);
      const length = Math.hypot(...row.subarray(0, F));
      return Array.from(row, (value) => value / length);
    };
    for (let n = 0; n < 4; n++) {
      const [one, other] = [inUnitsOfMean(some, n), inUnitsOfMean(twice, n)];
      assert.ok(Math.hypot(...one.slice(F)) > 0.01);
      for (let f = 0; f < F; f++) {
        assert.ok(Math.abs(one[f]! - without[n * F + f]!) < 1e-5);
        const quarters = [1, 2, 3, 4].map((part) => one[part * F + f]!);
        assert.ok(Math.abs(quarters.reduce((a, b) => a + b)) < 1e-5, "together the quarters are the mean");
        for (const part of [1, 2, 3, 4]) assert.ok(Math.abs(other[part * F + f]! - 2 * one[part * F + f]!) < 1e-5);
      }
    }
  });

  it("halves the file where weights are kept as float16, and still agrees", async () => {
    const wide = { ...TWO_STAGES, architecture: { ...TWO_STAGES.architecture, widths: [8, 64] } };
    const weights = drawnTensors(wide);
    const read = (name: string) => weights.get(name)!;
    const full = await exportEncoder(wide, read, check);
    const half = await exportEncoder(wide, read, check, { precision: "float16" });
    assert.ok(half.onnx.length < 0.6 * full.onnx.length, `${half.onnx.length} of ${full.onnx.length} bytes`);
    assert.ok(half.difference > full.difference && half.difference < EXPORT_TOLERANCE.float16);
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
