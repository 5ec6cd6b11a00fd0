// Two steps of each optimiser on one small matrix and one bias, against values worked out by hand (see the comments).
import assert from "node:assert/strict";
import { compile, input, type Values } from "../../../training/graph/index.ts";
import { adamw, lars, type Optimizer, sgd } from "../../../training/optimize/optimizer.ts";

/** Runs updates with the given gradients; returns the parameter after each. */
async function steps(optimizer: Optimizer, shape: number[], start: number[], gradients: number[][], rate: number) {
  const parameter = input("parameter", shape);
  const state = Object.fromEntries(
    Object.entries(optimizer.stateShapes(shape)).map(([name, s]) => [name, input(name, s)]),
  );
  const schedule = { learningRate: input("rate", []), step: input("step", []) };
  const updated = optimizer.update(parameter, input("gradient", shape), state, schedule);
  const graph = await compile({
    updated: updated.parameter,
    ...Object.fromEntries(Object.entries(updated.state).map(([k, v]) => [`next.${k}`, v])),
  });
  let values: Record<string, Float32Array> = { parameter: Float32Array.from(start) };
  for (const name of Object.keys(state)) values[name] = new Float32Array(start.length);
  const seen: number[][] = [];
  for (const [i, gradient] of gradients.entries()) {
    const feeds: Values = {
      ...values,
      gradient: Float32Array.from(gradient),
      rate: Float32Array.of(rate),
      step: Float32Array.of(i + 1),
    };
    const out = (await graph.run(feeds)) as Record<string, Float32Array>;
    values = { parameter: out.updated! };
    for (const name of Object.keys(state)) values[name] = out[`next.${name}`]!;
    seen.push([...out.updated!]);
  }
  await graph.release();
  return seen;
}

const near = (actual: number[][], expected: number[][]) =>
  actual.flat().forEach((v, i) => {
    assert.ok(Math.abs(v - expected.flat()[i]!) < 2e-6, `${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);
  });

describe("optimizer", () => {
  it("SGD with momentum and decay", async () => {
    // θ 2, λ 0.1, μ 0.9, lr 0.5. v₁ = 1 + 0.2 = 1.2, θ = 1.4; v₂ = 1.08 − 1 + 0.14 = 0.22, θ = 1.29.
    near(await steps(sgd({ momentum: 0.9, weightDecay: 0.1 }), [1], [2], [[1], [-1]], 0.5), [[1.4], [1.29]]);
  });

  it("SGD with Nesterov's momentum looks ahead", async () => {
    // As above, v₁ 1.2: θ = 2 − 0.5 (1.2 + 0.9·1.2) = 0.86. d₂ = −1 + 0.086 = −0.914, v₂ = 1.08 − 0.914 = 0.166,
    // θ = 0.86 − 0.5 (−0.914 + 0.9·0.166) = 1.2423.
    const nesterov = sgd({ momentum: 0.9, weightDecay: 0.1, nesterov: true });
    near(await steps(nesterov, [1], [2], [[1], [-1]], 0.5), [[0.86], [1.2423]]);
  });

  it("SGD that leaves biases and batch norm undecayed", async () => {
    const optimizer = sgd({ momentum: 0, weightDecay: 0.1, decayVectors: false });
    near(await steps(optimizer, [2], [2, 4], [[1, 0]], 0.5), [[1.5, 4]]);
    near(await steps(optimizer, [1, 2], [2, 4], [[1, 0]], 0.5), [[1.4, 3.8]]); // 2 − 0.5·1.2, 4 − 0.5·0.4
  });

  it("AdamW: decay beside the moments, ε outside the root", async () => {
    // θ 1, lr 0.1, λ 0.5, β .9/.99, ε 0.01. Step 1: m̂ = 2, √v̂ = 2: θ = 0.95 − 0.1·2/2.01 = 0.850498.
    // Step 2: m = .18 + .1·(−1) = 0.08, m̂ = 0.08/0.19 = 0.421053; v = .0396 + .01 = .0496,
    // v̂ = .0496/.0199 = 2.492462, root 1.578753; θ = 0.850498·0.95 − 0.1·0.421053/1.588753 = 0.807973 − 0.026502
    // = 0.781471.
    near(await steps(adamw({ betas: [0.9, 0.99], epsilon: 0.01, weightDecay: 0.5 }), [1], [1], [[2], [-1]], 0.1), [
      [0.850498],
      [0.781471],
    ]);
  });

  it("LARS: a step in proportion to the norm of the weights", async () => {
    // θ (3, 4), ‖θ‖ 5, λ 0, η 0.01, μ 0.9, lr 10. g (0, 2): factor 0.01·5/2 = 0.025, v (0, 0.05), θ (3, 3.5).
    // g (6, 8), ‖g‖ 10, ‖θ‖ √21.25 = 4.609772: factor 0.004609772, v (0.0276586, 0.045 + 0.0368782), θ − 10 v.
    near(
      await steps(
        lars({ momentum: 0.9, weightDecay: 0, trust: 0.01 }),
        [1, 2],
        [3, 4],
        [
          [0, 2],
          [6, 8],
        ],
        10,
      ),
      [
        [3, 3.5],
        [2.723414, 2.681218],
      ],
    );
    // λ 1: d = g + θ = (3, 4), factor 0.01·5/5: θ − 10·0.01·(3, 4).
    near(await steps(lars({ momentum: 0, weightDecay: 1, trust: 0.01 }), [1, 2], [3, 4], [[0, 0]], 10), [[2.7, 3.6]]);
  });

  it("LARS: plain momentum without decay for biases and batch norm, and where a norm is 0", async () => {
    const optimizer = lars({ momentum: 0.9, weightDecay: 0.5, trust: 0.01 });
    near(
      await steps(
        optimizer,
        [2],
        [3, 4],
        [
          [1, 0],
          [1, 0],
        ],
        0.1,
      ),
      [
        [2.9, 4],
        [2.71, 4],
      ],
    );
    near(await steps(optimizer, [1, 2], [0, 0], [[1, 0]], 0.1), [[-0.1, 0]]);
  });
});
