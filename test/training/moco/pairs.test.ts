import assert from "node:assert/strict";
import { TINY_CONFIG } from "../../../support/tiny-training.ts";
import { recipeOf } from "../../../training/config/recipes.ts";
import { settle } from "../../../training/config/settle.ts";
import { compile, gradients, input, mul, reduceSum } from "../../../training/graph/index.ts";
import { trainingStep } from "../../../training/moco/mechanism.ts";
import { withPairAverages } from "../../../training/moco/pairs.ts";

describe("moco/pairs", () => {
  it("averages every two of an image's queries, which share the gradient", async () => {
    const features = input("features", [6, 2]); // 2 images with 3 queries each
    const weights = input("weights", [12, 2]);
    const all = withPairAverages(features, 2);
    const loss = reduceSum(mul(all, weights), [0, 1]);
    const [gradient] = gradients(loss, [features]);
    const graph = await compile({ all, gradient: gradient! });
    const w = Float32Array.from({ length: 24 }, (_, i) => i + 1);
    const out = (await graph.run({
      features: Float32Array.of(1, 10, 2, 20, 4, 40, 5, 50, 6, 60, 8, 80),
      weights: w,
    })) as Record<string, Float32Array>;
    await graph.release();
    const column = (values: Float32Array, c: number) => [...values].filter((_, i) => i % 2 === c);
    assert.deepEqual(column(out.all!, 0), [1, 2, 4, 1.5, 2.5, 3, 5, 6, 8, 5.5, 6.5, 7]);
    assert.deepEqual(column(out.all!, 1), [10, 20, 40, 15, 25, 30, 50, 60, 80, 55, 65, 70]);
    // Of the first image's queries 1, 2, 3: their own weight and half of that of each pair that they are in.
    const [q1, q2, q3, q12, q13, q23] = column(w, 0);
    assert.deepEqual(column(out.gradient!, 0).slice(0, 3), [
      q1! + (q12! + q13!) / 2,
      q2! + (q12! + q23!) / 2,
      q3! + (q13! + q23!) / 2,
    ]);
  });

  it("are queries of a step like the others, and keys have none", () => {
    const smallQueries = { count: 4, size: 8, cropScale: [0.2, 1] as const };
    const circumstances = { images: 64, side: 16, device: "cpu", memory: 2 ** 33 };
    const rows = (pairs: boolean) => {
      const set = { ...TINY_CONFIG, smallQueries: { ...smallQueries, pairs } };
      const { queries, keys, logits } = trainingStep(settle(recipeOf("auto", circumstances), set).config).outputs;
      return [queries, keys, logits].map(({ shape }) => shape[0]! / TINY_CONFIG.batch);
    };
    assert.deepEqual(rows(false), [4, 1, 4]);
    assert.deepEqual(rows(true), [10, 1, 10]);
  });
});
