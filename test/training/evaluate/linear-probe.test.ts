import assert from "node:assert/strict";
import { createSampler } from "../../../training/data/sampler.ts";
import { randomStream } from "../../../training/data/streams.ts";
import { linearProbe, trainLinear } from "../../../training/evaluate/linear-probe.ts";
import { randomEmbeddings, unitRows } from "./fixtures.ts";

describe("trainLinear", () => {
  it("takes the steps of softmax regression written by hand in double precision", async () => {
    const [N, D, C, B, epochs] = [40, 3, 4, 16, 5];
    const database = randomEmbeddings(1, N, D, C);
    const options = { learningRate: 2, epochs, batchSize: B, seed: 3, threads: 1 };
    const { classes, weight, bias } = await trainLinear(database, options);

    const random = randomStream(3, "initialValues");
    const w = Array.from({ length: C * D }, () => 0.01 * random.normal());
    const b: number[] = new Array(C).fill(0);
    const velocity: number[] = new Array(C * D + C).fill(0);
    const sampler = createSampler(N, { batchSize: B, seed: 3 });
    for (let step = 0; step < epochs * 2; step++) {
      const gradient: number[] = new Array(C * D + C).fill(0);
      for (const n of sampler.next()) {
        const x = database.embeddings.subarray(n * D, (n + 1) * D);
        const exps = classes.map((_, c) => Math.exp(x.reduce((sum, v, d) => sum + v * w[c * D + d]!, b[c]!)));
        const total = exps.reduce((p, q) => p + q, 0);
        classes.forEach((label, c) => {
          const error = (exps[c]! / total - (database.labels[n] === label ? 1 : 0)) / B;
          x.forEach((v, d) => {
            gradient[c * D + d]! += error * v;
          });
          gradient[C * D + c]! += error;
        });
      }
      const rate = [2, 2, 2, 0.2, 0.02][Math.floor(step / 2)]!; // a tenth after 3 and after 4 of 5 epochs
      gradient.forEach((g, i) => {
        velocity[i] = 0.9 * velocity[i]! + g;
        if (i < C * D) w[i]! -= rate * velocity[i]!;
        else b[i - C * D]! -= rate * velocity[i]!;
      });
    }
    const close = (actual: Float32Array, expected: number[]) =>
      actual.forEach((v, i) => {
        assert.ok(Math.abs(v - expected[i]!) < 1e-4, `${v} and ${expected[i]}`);
      });
    close(weight, w);
    close(bias, b);
  });
});

describe("linearProbe", () => {
  const corners = {
    embeddings: unitRows([
      [1, 1],
      [1, -1],
      [-1, 1],
      [-1, -1],
    ]),
    labels: ["a", "a", "b", "b"],
  };

  it("finds labels that a line separates, and no label that it has not seen", async () => {
    const queries = {
      embeddings: unitRows([
        [2, 1],
        [-3, 1],
        [1, 0],
      ]),
      labels: ["a", "b", "c"],
    };
    assert.deepEqual(await linearProbe(queries, corners), { top1: 2 / 3 });
  });
});
