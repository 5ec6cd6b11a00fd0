// Memory bank and end-to-end against their definitions written out in plain numbers, with an encoder of one matrix.
import assert from "node:assert/strict";
import { createRandom } from "../../../training/data/random.ts";
import { compile, input, matmul, reshape, type Values } from "../../../training/graph/index.ts";
import { distillationStep } from "../../../training/moco/distillation.ts";
import type { Encoder } from "../../../training/moco/encode.ts";
import { endToEndStep } from "../../../training/moco/end-to-end.ts";
import { memoryBank, memoryBankStep } from "../../../training/moco/memory-bank.ts";
import { noiseKeys } from "../../../training/moco/queue.ts";
import type { MocoStep } from "../../../training/moco/step.ts";
import { sgd } from "../../../training/optimize/optimizer.ts";

const [B, F, D, K, T] = [6, 4, 3, 5, 0.2];
type Rows = number[][];

/** f(x) = x·W, W [F, D], on images of F values. */
const f: Encoder = (x, scope) => matmul(reshape(x, [B, F]), scope.parameter("w", [F, D], "zeros"));

const random = createRandom(9);
const numbers = (count: number) => Float32Array.from({ length: count }, () => random.normal());
const rowsOf = (values: ArrayLike<number>, width: number): Rows =>
  Array.from({ length: values.length / width }, (_, n) =>
    Array.from({ length: width }, (_, i) => values[n * width + i]!),
  );
const unit = (v: number[]) => v.map((x) => x / Math.hypot(...v));
const dot = (a: number[], b: number[]) => a.reduce((sum, x, i) => sum + x * b[i]!, 0);
const encode = (x: Rows, w: Rows) =>
  x.map((row) => unit(w[0]!.map((_, d) => row.reduce((s, v, i) => s + v * w[i]![d]!, 0))));
/** InfoNCE of each query against its key and its negatives. */
const infoNce = (q: Rows, k: Rows, negatives: (n: number) => Rows) =>
  q.reduce((sum, query, n) => {
    const own = Math.exp(dot(query, k[n]!) / T);
    const others = negatives(n).reduce((s, key) => s + Math.exp(dot(query, key) / T), 0);
    return sum - Math.log(own / (own + others)) / q.length;
  }, 0);

/** The step's loss, and the gradient of W. */
async function run(step: MocoStep, feeds: Values) {
  const graph = await compile({ loss: step.outputs.loss, keys: step.outputs.keys, gradient: step.gradients.get("w")! });
  const out = (await graph.run(feeds)) as Record<"loss" | "keys" | "gradient", Float32Array>;
  await graph.release();
  return out;
}

function checkGradient(gradient: Float32Array, w: Float32Array, loss: (w: Rows) => number): void {
  const h = 1e-5;
  gradient.forEach((value, i) => {
    const moved = (by: number) =>
      rowsOf(
        Array.from(w, (v, j) => (j === i ? v + by : v)),
        D,
      );
    const expected = (loss(moved(h)) - loss(moved(-h))) / (2 * h);
    assert.ok(Math.abs(value - expected) < 1e-4, `entry ${i}: ${value} is not ${expected}`);
  });
}

const images = (name: string) => input(name, [B, F, 1, 1]);
const optimizer = sgd({ momentum: 0, weightDecay: 0 });

describe("moco/end-to-end", () => {
  for (const bnGroups of [1, 2]) {
    it(`the batch is the dictionary, and the gradient flows through the keys${bnGroups > 1 ? ", shuffled too" : ""}`, async () => {
      const [xq, xk, w] = [numbers(B * F), numbers(B * F), numbers(F * D)];
      const shuffle = BigInt64Array.from([2n, 0n, 5n, 1n, 3n, 4n]);
      const unshuffle = BigInt64Array.from([1n, 3n, 0n, 4n, 5n, 2n]);
      const step = endToEndStep(f, images("xq"), images("xk"), { B, T, dim: D, bnGroups }, optimizer);
      const { loss, gradient, keys } = await run(step, { xq, xk, "q.w": w, shuffle, unshuffle });
      const expected = (weights: Rows) => {
        const k = encode(rowsOf(xk, F), weights);
        return infoNce(encode(rowsOf(xq, F), weights), k, (n) => k.filter((_, other) => other !== n));
      };
      assert.ok(Math.abs(loss[0]! - expected(rowsOf(w, D))) < 1e-5);
      checkGradient(gradient, w, expected);
      rowsOf(keys, D)
        .flat()
        .forEach((v, i) => {
          assert.ok(Math.abs(v - encode(rowsOf(xk, F), rowsOf(w, D)).flat()[i]!) < 1e-5);
        });
    });
  }
});

describe("moco/memory-bank", () => {
  it("compares a query with its image's slot and with samples; there is no key encoder", async () => {
    const [xq, w] = [numbers(B * F), numbers(F * D)];
    const [positives, queue] = [noiseKeys(B, D, random), noiseKeys(K, D, random)];
    const step = memoryBankStep(f, images("xq"), { B, K, m: 0, T, dim: D, bnGroups: 1 }, optimizer);
    const { loss, gradient, keys } = await run(step, { xq, positives, queue, "q.w": w });
    const expected = (weights: Rows) =>
      infoNce(encode(rowsOf(xq, F), weights), rowsOf(positives, D), () => rowsOf(queue, D));
    assert.ok(Math.abs(loss[0]! - expected(rowsOf(w, D))) < 1e-5);
    checkGradient(gradient, w, expected);
    assert.ok([...step.next.keys()].every((name) => !name.startsWith("k.")));
    assert.ok(Math.abs(keys[0]! - encode(rowsOf(xq, F), rowsOf(w, D))[0]![0]!) < 1e-5);
  });

  it("a slot moves towards its image's query and keeps unit norm; the others stay", () => {
    const bank = memoryBank(Float32Array.from([1, 0, 0, 1, -1, 0]), 2, 0.75);
    bank.update([2, 0], Float32Array.from([0, 1, 0, -1]));
    const length = Math.hypot(0.75, 0.25);
    const expected = [0.75 / length, -0.25 / length, 0, 1, -0.75 / length, 0.25 / length];
    bank.slots.forEach((v, i) => {
      assert.ok(Math.abs(v - expected[i]!) < 1e-6);
    });
  });

  it("samples slots of other images, each as often as any other", () => {
    const bank = memoryBank(
      Float32Array.from({ length: 10 }, (_, i) => i),
      1,
      0.5,
    );
    const out = new Float32Array(7000);
    bank.sample(createRandom(3), [2, 5, 9], out);
    const times = new Map<number, number>();
    for (const v of out) times.set(v, (times.get(v) ?? 0) + 1);
    assert.deepEqual([...times.keys()].sort(), [0, 1, 3, 4, 6, 7, 8]);
    assert.ok(
      [...times.values()].every((n) => Math.abs(n - 1000) < 130),
      `${[...times.values()]}`,
    );
    const positives = new Float32Array(3);
    bank.take([2, 5, 9], positives);
    assert.deepEqual([...positives], [2, 5, 9]);
  });
});

describe("moco/distillation", () => {
  it("moves the student's similarities to the keys towards the teacher's; no gradient flows to those", async () => {
    const [xq, w] = [numbers(B * F), numbers(F * D)];
    const [positives, queue] = [noiseKeys(B, D, random), noiseKeys(K, D, random)];
    const teacherT = 0.05;
    const config = { B, K, T, teacherT, dim: D, bnGroups: 1 };
    const step = distillationStep(f, images("xq"), config, optimizer);
    const { loss, gradient, keys } = await run(step, { xq, positives, queue, "q.w": w });
    const softmax = (scores: number[]) => {
      const sum = scores.reduce((total, score) => total + Math.exp(score), 0);
      return scores.map((score) => Math.exp(score) / sum);
    };
    const similarities = (x: number[], own: number[]) => [own, ...rowsOf(queue, D)].map((key) => dot(x, key));
    const expected = (weights: Rows) => {
      const teacher = rowsOf(positives, D);
      return encode(rowsOf(xq, F), weights).reduce((sum, student, n) => {
        const target = softmax(similarities(teacher[n]!, teacher[n]!).map((score) => score / teacherT));
        const given = softmax(similarities(student, teacher[n]!).map((score) => score / T));
        return sum - target.reduce((s, p, i) => s + p * Math.log(given[i]!), 0) / B;
      }, 0);
    };
    assert.ok(Math.abs(loss[0]! - expected(rowsOf(w, D))) < 1e-5);
    checkGradient(gradient, w, expected);
    assert.ok([...step.next.keys()].every((name) => !name.startsWith("k.")));
    assert.deepEqual([...keys], [...positives]);
  });
});
