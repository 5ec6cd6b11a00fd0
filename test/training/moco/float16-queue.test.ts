import assert from "node:assert/strict";
import { fromHalf } from "../../../core/half.ts";
import { createRandom } from "../../../training/data/random.ts";
import * as g from "../../../training/graph/index.ts";
import { mocoLogits } from "../../../training/moco/loss.ts";
import { noiseKeys } from "../../../training/moco/queue.ts";

const [B, K, D] = [3, 9000, 8];

/** Logits, and the gradient that they send to the queries. */
async function logits(keys: Float32Array | Uint16Array) {
  const dtype = keys instanceof Uint16Array ? "float16" : "float32";
  const [q, k, queue] = [g.input("q", [B, D]), g.input("k", [B, D]), g.input("queue", [K, D], dtype)];
  const y = mocoLogits(q, k, queue, 0.1);
  const [gradient] = g.gradients(g.crossEntropyWithLabel0(y), [q]);
  const graph = await g.compile({ y, gradient: gradient! }, { threads: 1 });
  const [queries, positives] = [noiseKeys(B, D, createRandom(1)), noiseKeys(B, D, createRandom(2))];
  const outputs = await graph.run({ q: queries, k: positives, queue: keys });
  await graph.release();
  return outputs as Record<"y" | "gradient", Float32Array>;
}

describe("a queue of float16", () => {
  it("gives the logits and the gradient of its values, whatever does not fill a part", async () => {
    const half = noiseKeys(K, D, createRandom(3), "float16");
    const [actual, expected] = [await logits(half), await logits(fromHalf(half))];
    assert.equal(actual.y.length, B * (1 + K));
    for (const name of ["y", "gradient"] as const) {
      for (const [i, v] of expected[name].entries()) assert.ok(Math.abs(v - actual[name][i]!) < 1e-5, `${name} ${i}`);
    }
  });
});
