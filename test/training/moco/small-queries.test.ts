// Several small queries for one key against as many steps with one query each.
import assert from "node:assert/strict";
import { createRandom } from "../../../training/data/random.ts";
import { compile, input, sizeOf, type Tensor, type Values } from "../../../training/graph/index.ts";
import type { Encoder } from "../../../training/moco/encode.ts";
import { noiseKeys } from "../../../training/moco/queue.ts";
import { mocoStep } from "../../../training/moco/step.ts";
import { projectionHead } from "../../../training/network/heads.ts";
import { initialValues } from "../../../training/network/initialise.ts";
import { resnet } from "../../../training/network/resnet.ts";
import { sgd } from "../../../training/optimize/optimizer.ts";

const [B, V, S, SMALL, K, D, G] = [8, 3, 16, 8, 12, 6, 2];
const stem = { width: 4, kernel: 3, stride: 1, maxPool: false };
const f: Encoder = (x, scope) =>
  projectionHead(resnet(x, scope, { block: "basic", widths: [4, 8], depths: [1, 1], stem }), scope, {
    head: "mlp",
    dim: D,
    headWidth: 5,
  });
const random = createRandom(4);
const noise = (size: number) => Float32Array.from({ length: size }, () => random.normal());

/** The step on `views` queries for each image. */
function build(views: number) {
  return mocoStep(
    f,
    input("xq", [views * B, 3, SMALL, SMALL]),
    input("xk", [B, 3, S, S]),
    { B, K, m: 0.9, T: 0.2, dim: D, bnGroups: G },
    sgd({ momentum: 0, weightDecay: 0 }),
  );
}

describe("moco/step with small queries", () => {
  it("loss, gradients and running statistics are the means of those of single queries, the keys are the same", async () => {
    const [several, single] = [build(V), build(1)];
    const shuffle = BigInt64Array.from(random.permutation(B), BigInt);
    const unshuffle = new BigInt64Array(B);
    shuffle.forEach((from, to) => {
      unshuffle[Number(from)] = BigInt(to);
    });
    const state: Values = Object.fromEntries(
      single.tensors.flatMap((spec) => {
        const values = initialValues(spec, random);
        return [
          [`q.${spec.name}`, values],
          [`k.${spec.name}`, values],
        ];
      }),
    );
    const velocities = Object.fromEntries(
      [...single.next].flatMap(([name, { shape }]) =>
        name.startsWith("velocity.") ? [[name, new Float32Array(sizeOf(shape))]] : [],
      ),
    );
    const feeds: Values = {
      ...{ ...state, ...velocities, shuffle, unshuffle, xk: noise(B * 3 * S * S) },
      ...{ queue: noiseKeys(K, D, random), learningRate: Float32Array.of(0.1), step: Float32Array.of(1) },
    };
    const views = Array.from({ length: V }, () => noise(B * 3 * SMALL * SMALL));

    const outputsOf = (step: typeof single): Record<string, Tensor> => ({
      ...step.outputs,
      ...Object.fromEntries([...step.gradients].map(([name, tensor]) => [`gradient.${name}`, tensor])),
      ...Object.fromEntries(
        [...step.next].flatMap(([name, tensor]) => (name.includes("running_") ? [[`next.${name}`, tensor]] : [])),
      ),
    });
    const run = async (step: typeof single, xq: Float32Array) => {
      const graph = await compile(outputsOf(step));
      const out = (await graph.run({ ...feeds, xq })) as Record<string, Float32Array>;
      await graph.release();
      return out;
    };
    // The views of an image one after another.
    const image = 3 * SMALL * SMALL;
    const together = new Float32Array(V * B * image);
    views.forEach((view, v) => {
      for (let n = 0; n < B; n++) together.set(view.subarray(n * image, (n + 1) * image), (n * V + v) * image);
    });
    const all = await run(several, together);
    const each = await Promise.all(views.map((view) => run(single, view)));
    for (const name of Object.keys(all)) {
      if (["queries", "logits"].includes(name)) continue; // rows of all of them
      all[name]!.forEach((value, i) => {
        const mean = each.reduce((sum, one) => sum + one[name]![i]! / V, 0);
        assert.ok(Math.abs(value - mean) < 1e-5, `${name}[${i}]: ${value} is not ${mean}`);
      });
    }
    assert.ok([...several.gradients.keys()].length > 10);
    const row = (n: number, v: number) => [
      all.logits!.subarray((n * V + v) * (1 + K), (n * V + v + 1) * (1 + K)),
      each[v]!.logits!.subarray(n * (1 + K), (n + 1) * (1 + K)),
    ];
    for (const [n, v] of [
      [0, 0],
      [3, 2],
      [7, 1],
    ] as const) {
      const [own, alone] = row(n, v);
      own!.forEach((value, i) => {
        assert.ok(Math.abs(value - alone![i]!) < 1e-5);
      });
    }
  });
});
