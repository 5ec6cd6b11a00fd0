import assert from "node:assert/strict";
import { decodeImage } from "../../core/decode.ts";
import { openEncoder } from "../../core/encoder-session.ts";
import { sha256 } from "../../core/hash.ts";
import type { Model } from "../../core/model.ts";
import type { ModelCard } from "../../core/model-card.ts";
import { writeModel } from "../../core/model-folder.ts";
import { normalisePixels } from "../../core/pixel-tensor.ts";
import { input, l2Normalise, reduceMean, serialize, type Tensor } from "../../training/graph/index.ts";
import { png, withFolder } from "../training/data/fixtures.ts";

const INPUT: ModelCard["input"] = { width: 2, height: 2, fit: "fill", mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] };

/** Writes a model that answers what `build` makes of [N, 3, H, W]. */
function modelOf(
  folder: string,
  build: (pixels: Tensor) => Tensor,
  { inputName = "pixels", outputName = "embedding", dimensions = 3 } = {},
): Promise<Model> {
  const pixels = input(inputName, [1, 3, INPUT.height, INPUT.width]);
  const open = { [inputName]: { 0: "N" }, [outputName]: { 0: "N" } };
  const onnx = serialize({ [outputName]: build(pixels) }, { symbolicDims: open });
  return writeModel(folder, { ...CARD, sha256: sha256(onnx), dimensions }, { onnx }, { replace: true });
}

const CARD: ModelCard = {
  format: "moco-search-model",
  formatVersion: 1,
  name: "mean-colour",
  version: "1",
  sha256: "",
  input: INPUT,
  dimensions: 3,
  architecture: "mean colour",
  licence: "MIT",
  createdAt: "2024-01-01T00:00:00Z",
};

const meanColour = (pixels: Tensor) => reduceMean(pixels, [2, 3]);

describe("normalisePixels", () => {
  it("gives (value / 255 − mean) / std, channel by channel", () => {
    const card = { ...CARD.input, width: 2, height: 1, mean: [0, 0.5, 1] as [number, number, number] };
    const normalised = normalisePixels(Uint8Array.of(0, 51, 102, 255, 204, 153, 1, 2, 3, 4, 5, 6), 2, card);
    const expected = [0, 4, (0.2 - 0.5) * 4, (0.8 - 0.5) * 4, (0.4 - 1) * 4, (0.6 - 1) * 4];
    expected.forEach((value, i) => {
      assert.ok(Math.abs(normalised[i]! - value) < 1e-6);
    });
    assert.equal(normalised.length, 12);
    assert.throws(() => normalisePixels(new Uint8Array(11), 2, card), RangeError);
  });
});

describe("openEncoder", () => {
  it("embeds any number of images", () =>
    withFolder(async (folder) => {
      const encoder = await openEncoder(await modelOf(folder, (pixels) => l2Normalise(meanColour(pixels))));
      const images = await Promise.all(
        [png(255, 0, 0), png(0, 0, 255), png(255, 255, 255)].map(async (file) => decodeImage(await file, INPUT)),
      );
      const embeddings = await encoder.embed(Buffer.concat(images), 3);
      await encoder.close();
      const s = 1 / Math.sqrt(3);
      const expected = [s, -s, -s, -s, -s, s, s, s, s];
      assert.equal(embeddings.length, 9);
      expected.forEach((value, i) => {
        assert.ok(Math.abs(embeddings[i]! - value) < 1e-5);
      });
    }));

  it("embeds any number of images by a graph that takes exactly so many", () =>
    withFolder(async (folder) => {
      const unit = (pixels: Tensor) => l2Normalise(meanColour(pixels));
      const batch = 2;
      const onnx = serialize({ embedding: unit(input("pixels", [batch, 3, INPUT.height, INPUT.width])) });
      const card = { ...CARD, name: "pairs", batch, sha256: sha256(onnx) };
      const pairs = await openEncoder(await writeModel(folder, card, { onnx }));
      const any = await openEncoder(await modelOf(folder, unit));
      const imageBytes = INPUT.width * INPUT.height * 3;
      for (const count of [1, 2, 3, 5]) {
        const pixels = Uint8Array.from({ length: count * imageBytes }, (_, i) => (i * 37) % 251);
        assert.deepEqual(await pairs.embed(pixels, count), await any.embed(pixels, count));
        await assert.rejects(pairs.embed(pixels.subarray(1), count), RangeError);
      }
      await Promise.all([pairs.close(), any.close()]);
    }));

  it("refuses what is no encoder, or not the one that its card describes", () =>
    withFolder(async (folder) => {
      const unit = (pixels: Tensor) => l2Normalise(meanColour(pixels));
      for (const [build, changes, problem] of [
        [meanColour, {}, /unit-norm/],
        [unit, { inputName: "image" }, /input "pixels"/],
        [unit, { outputName: "features" }, /output "embedding"/],
        [unit, { dimensions: 4 }, /\[1, 4\] but it answered \[1, 3\]/],
      ] as const) {
        const model = await modelOf(folder, build, changes);
        await assert.rejects(openEncoder(model), { code: "invalid_model", message: problem });
      }
    }));

  it("refuses a file that is no ONNX model", () =>
    withFolder(async (folder) => {
      const onnx = Buffer.from("not a model");
      const model = await writeModel(folder, { ...CARD, sha256: sha256(onnx) }, { onnx });
      await assert.rejects(openEncoder(model), { code: "invalid_model", message: /is not an ONNX file/ });
    }));
});
