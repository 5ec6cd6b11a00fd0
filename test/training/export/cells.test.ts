import assert from "node:assert/strict";
import { InferenceSession, Tensor } from "../../../core/onnxruntime.ts";
import { normalised } from "../../../core/vector.ts";
import { TWO_STAGES } from "../../../support/tiny-training.ts";
import { createRandom } from "../../../training/data/random.ts";
import { exportEncoder } from "../../../training/export/encoder.ts";
import { compile, input } from "../../../training/graph/index.ts";
import { denseEncoder, type Embedding } from "../../../training/network/encoder.ts";
import { initialValues } from "../../../training/network/initialise.ts";
import { evaluationScope, once } from "../../../training/network/scope.ts";

const N = 3;

describe("the cells of an encoder", () => {
  const random = createRandom(3);
  /** F features turned to D by numbers that are drawn; `strength` scales the directions as whitening does. */
  const turned = (F: number, D: number, strength: number) => ({
    mean: Float32Array.from({ length: F }, () => 0.1 * random.normal()),
    matrix: Float32Array.from({ length: F * D }, (_, i) => random.normal() * (1 + (i % D)) ** strength),
    dimensions: D,
  });

  const [before, last] = TWO_STAGES.architecture.widths;
  const cases: Record<string, Embedding> = {
    features: { kind: "features" },
    "features of two stages": { kind: "features", stages: 2 },
    "features with their layout": { kind: "features", stages: 2, layout: 0.4 },
    "whitened features": { kind: "whitened", whitening: turned(last, 6, 0.5) },
    "whitened features of two stages with their layout": {
      kind: "whitened",
      stages: 2,
      layout: 0.4,
      whitening: turned(before + 5 * last, 6, 0.5),
    },
    "principal components": { kind: "whitened", stages: 2, whitening: turned(before + last, 5, 0) },
    "features with the mirror image's": { kind: "features", stages: 2, layout: 0.4, mirrored: true },
  };

  // 16 gives maps of 16 and 8 places a side; 21 gives 21 and 11, which does not divide it and has a middle.
  for (const S of [16, 21]) {
    const config = { ...TWO_STAGES, imageSize: S };
    const pixels = Float32Array.from({ length: N * 3 * S * S }, () => random.normal());
    const tensors = new Map<string, Float32Array>();
    const scope = evaluationScope(
      once((spec) => {
        tensors.set(
          spec.name,
          initialValues(spec, random).map((v) => v + 0.1 * random.uniform()),
        );
        return input(spec.name, spec.shape);
      }),
    );

    for (const [name, embedding] of Object.entries(cases)) {
      it(`of ${name}: their mean is the embedding, in the graph and exported, at ${S} pixels`, async () => {
        const graph = await compile({ ...denseEncoder(input("pixels", [N, 3, S, S]), scope, config, embedding) });
        const inGraph = await graph.run({ pixels, ...Object.fromEntries(tensors) });
        await graph.release();
        const read = (tensor: string) => tensors.get(tensor)!;
        const { onnx, dimensions } = await exportEncoder(config, read, pixels, { embedding });
        const session = await InferenceSession.create(onnx);
        const exported = await session.run({ pixels: new Tensor("float32", pixels, [N, 3, S, S]) });
        await session.release();
        const [n, h, w, D] = exported.cells!.dims as [number, number, number, number];
        assert.deepEqual([n, D, h * w > 1], [N, dimensions, true]);
        near(inGraph.embedding as Float32Array, meanOfCells(inGraph.cells as Float32Array, h * w, D));
        near(exported.embedding!.data as Float32Array, meanOfCells(exported.cells!.data as Float32Array, h * w, D));
        near(exported.cells!.data as Float32Array, inGraph.cells as Float32Array, 1e-4);
      });
    }
  }

  it("see what lies at their own place", async () => {
    const S = 32;
    const tensors = new Map<string, Float32Array>();
    const scope = evaluationScope((spec) => {
      tensors.set(spec.name, initialValues(spec, random));
      return input(spec.name, spec.shape);
    });
    const { cells } = denseEncoder(input("pixels", [1, 3, S, S]), scope, TWO_STAGES);
    const [, h, w, D] = cells!.shape as [number, number, number, number];
    const graph = await compile({ cells: cells! });
    const of = async (pixels: Float32Array) =>
      (await graph.run({ pixels, ...Object.fromEntries(tensors) })).cells as Float32Array;
    const plain = await of(new Float32Array(3 * S * S).fill(0.1));
    const spotted = await of(
      Float32Array.from({ length: 3 * S * S }, (_, i) => (i % S < 4 && Math.floor(i / S) % S >= S - 4 ? 2 : 0.1)),
    );
    await graph.release();
    const moved = Array.from({ length: h * w }, (_, cell) =>
      Math.hypot(...plain.subarray(cell * D, (cell + 1) * D).map((v, d) => v - spotted[cell * D + d]!)),
    );
    const most = moved.indexOf(Math.max(...moved));
    assert.ok(Math.floor(most / w) >= h - 2 && most % w < 2, `cell ${most} of ${h}×${w} is not at the bottom left`);
  });

  it("are none of a projection, nor of a map of one place", async () => {
    const scope = evaluationScope((spec) => input(spec.name, spec.shape));
    const of = (S: number, embedding?: Embedding) =>
      denseEncoder(input("pixels", [1, 3, S, S]), scope, TWO_STAGES, embedding).cells;
    assert.equal(of(24, { kind: "projection" }), undefined);
    assert.equal(of(2), undefined);
  });
});

function meanOfCells(cells: Float32Array, count: number, D: number): Float32Array {
  const rows = Array.from({ length: cells.length / (count * D) }, (_, n) => {
    const sum = new Float32Array(D);
    for (let i = 0; i < count * D; i++) sum[i % D]! += cells[n * count * D + i]! / count;
    return normalised(sum);
  });
  return Float32Array.from(rows.flatMap((row) => [...row]));
}

function near(actual: Float32Array, expected: Float32Array, tolerance = 1e-5): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, i) => {
    assert.ok(Math.abs(value - expected[i]!) <= tolerance, `entry ${i}: ${value} is not ${expected[i]}`);
  });
}
