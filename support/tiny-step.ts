// A step of a network that fits on a page, with all that a step of MoCo does to its state.
import assert from "node:assert/strict";
import { add, input, matmul, mul, reduceSum, relu, scalar, type Tensor, transpose } from "../training/graph/index.ts";
import { learn, momentumUpdate } from "../training/moco/update.ts";
import { adamw, lars, type Optimizer, sgd } from "../training/optimize/optimizer.ts";

/** Optimisers by name. */
export const OPTIMIZERS: Readonly<Record<string, Optimizer>> = {
  sgd: sgd({ momentum: 0.9, weightDecay: 0.01 }),
  "nesterov's": sgd({ momentum: 0.9, weightDecay: 0.01, nesterov: true, decayVectors: false }),
  adamw: adamw({ betas: [0.9, 0.9], epsilon: 1e-8, weightDecay: 0.1 }), // 1 − 0.999 loses digits in float32
  lars: lars({ momentum: 0.9, weightDecay: 0.01, trust: 0.02 }),
};

/** Three layers whose keys come from weights that follow by momentum, and a bias that is a vector. */
export function tinyStep(optimizer: Optimizer) {
  const shapes = { a: [4, 4], b: [4, 4], c: [4, 4], bias: [4] };
  const named = (net: string) =>
    new Map(Object.entries(shapes).map(([name, shape]) => [name, input(`${net}.${name}`, shape)]));
  const f = (x: Tensor, theta: ReadonlyMap<string, Tensor>) =>
    ["a", "b", "c"].reduce(
      (y, name) => relu(add(matmul(y, transpose(theta.get(name)!, [1, 0])), theta.get("bias")!)),
      x,
    );
  const none = { buffers: new Map(), fixed: new Map() };
  const thetaQ = { parameters: named("q"), ...none };
  const thetaK = momentumUpdate({ parameters: named("k"), ...none }, thetaQ, input("m", []));
  const [xq, xk, mean] = [input("xq", [2, 4]), input("xk", [2, 4]), input("mean", [2, 4])];
  const keys = f(xk, thetaK.parameters);
  const loss = reduceSum(mul(f(xq, thetaQ.parameters), keys));
  const { next, gradients } = learn(loss, thetaQ, optimizer);
  const moved = [...thetaK.parameters].map(([name, tensor]) => [`k.${name}`, tensor] as const);
  const running = ["mean", add(mul(mean, scalar(0.9)), mul(keys, scalar(0.1)))] as const;
  return { outputs: { loss, keys }, next: new Map([...next, ...moved, running]), gradients };
}

/** Some values. */
export const ramp = (length: number, from: number) => Float32Array.from({ length }, (_, i) => ((i * 7 + from) % 5) / 9);

/** The same up to the rounding of float32: loops round once where a graph rounds every result. */
export function assertNear(name: string, actual: Float32Array, expected: Float32Array): void {
  for (const [i, value] of actual.entries()) {
    const bound = 2e-6 * Math.max(1, Math.abs(expected[i]!));
    assert.ok(Math.abs(value - expected[i]!) <= bound, `${name}[${i}]: ${value} instead of ${expected[i]}`);
  }
}
