// A few steps of a small training on the WebGPU provider and on the CPU; see webgpu.gpu.ts for where it looks for a GPU.
import assert from "node:assert/strict";
import type { Device } from "../../core/device.ts";
import { createRandom } from "../../training/data/random.ts";
import { providersOf } from "../../training/graph/engine/device.ts";
import { compileStateful } from "../../training/graph/engine/stateful.ts";
import { input } from "../../training/graph/index.ts";
import { negativeQueue, noiseKeys } from "../../training/moco/queue.ts";
import { mocoStep } from "../../training/moco/step.ts";
import { projectionEncoder } from "../../training/network/encoder.ts";
import { initialValues } from "../../training/network/initialise.ts";
import { sgd } from "../../training/optimize/optimizer.ts";

const [B, K, S, DIM] = [8, 16, 12, 8];

/** Losses of three steps and the first layer after them. */
async function trainingSteps(device: Device): Promise<{ losses: number[]; weights: number[] }> {
  const random = createRandom(4);
  const architecture = {
    block: "basic" as const,
    widths: [4, 8],
    depths: [1, 1],
    stem: { width: 4, kernel: 3, stride: 1, maxPool: false },
  };
  const step = mocoStep(
    (x, scope) => projectionEncoder(x, scope, { architecture, head: "mlp", dim: DIM }),
    input("xq", [B, 3, S, S]),
    input("xk", [B, 3, S, S]),
    { B, K, m: 0.9, T: 0.2, dim: DIM, bnGroups: 2 },
    sgd({ momentum: 0.9, weightDecay: 1e-4 }),
  );
  const state = new Map(
    [...step.next].map(([name, { shape }]) => [name, new Float32Array(shape.reduce((a, b) => a * b, 1))]),
  );
  for (const spec of step.tensors) {
    const values = initialValues(spec, random);
    for (const net of ["q", "k"]) state.set(`${net}.${spec.name}`, values.slice());
  }
  const { loss, keys } = step.outputs;
  const graph = await compileStateful({ loss, keys }, step, state, { providers: providersOf(device) });
  const queue = negativeQueue(noiseKeys(K, DIM, random), DIM);
  const noise = () => Float32Array.from({ length: B * 3 * S * S }, () => random.normal());
  const order = BigInt64Array.from([3, 0, 7, 4, 1, 6, 2, 5], BigInt);
  const back = BigInt64Array.from([1, 4, 6, 0, 3, 7, 5, 2], BigInt);
  const losses: number[] = [];
  for (let t = 0; t < 3; t++) {
    const xq = noise();
    const xk = xq.map((v) => v + 0.3 * random.normal());
    const feeds = { xq, xk, queue: queue.keys, shuffle: order, unshuffle: back };
    const out = await graph.step({ ...feeds, learningRate: Float32Array.of(0.05), step: Float32Array.of(t + 1) });
    queue.enqueue(out.keys!);
    losses.push(out.loss![0]!);
  }
  const weights = [...(await graph.state()).get("q.conv1.weight")!];
  await graph.release();
  return { losses, weights };
}

describe("training on WebGPU", () => {
  it("computes as the processor does", async () => {
    const [ours, theirs] = [await trainingSteps("cpu"), await trainingSteps("webgpu")];
    const furthest = (a: number[], b: number[]) => Math.max(...a.map((v, i) => Math.abs(v - b[i]!)));
    assert.ok(furthest(ours.losses, theirs.losses) < 1e-4, `${ours.losses} on cpu, ${theirs.losses} on webgpu`);
    assert.ok(furthest(ours.weights, theirs.weights) < 1e-4, `${furthest(ours.weights, theirs.weights)}`);
  }).timeout(120_000);
});
