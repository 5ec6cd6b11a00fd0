// Gradients against finite differences: along a random direction the loss must change as the gradient says.
import assert from "node:assert/strict";
import {
  compile,
  constant,
  gradients,
  input,
  mul,
  reduceSum,
  type Shape,
  sizeOf,
  type Tensor,
} from "../training/graph/index.ts";

/** Deterministic values in −1..1, at least 0.1 from 0 so that no kink of relu is crossed. */
export function values(size: number, seed: number): Float32Array {
  let state = seed * 2654435761 + 1;
  return Float32Array.from({ length: size }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const v = (state / 2 ** 32) * 2 - 1;
    return v + (v < 0 ? -0.1 : 0.1);
  });
}

/**
 * Checks the gradient of Σ r·y for y = build(inputs) and random r, with respect to every input.
 *
 * @param step Half the distance of the two evaluations. Large for polynomials, where the central difference is exact.
 */
export async function checkGradient(
  shapes: readonly Shape[],
  build: (...inputs: Tensor[]) => Tensor,
  options: { step?: number; tolerance?: number; transform?: (v: number) => number } = {},
): Promise<void> {
  const { step = 1e-2, tolerance = 5e-3, transform = (v: number) => v } = options;
  const inputs = shapes.map((shape, i) => input(`x${i}`, shape));
  const y = build(...inputs);
  const loss = reduceSum(mul(y, constant(values(sizeOf(y.shape), 99), y.shape)));
  const found = gradients(loss, inputs);
  const graph = await compile({ loss, ...Object.fromEntries(found.map((g, i) => [`g${i}`, g])) }, { threads: 1 });
  const at = shapes.map((shape, i) => values(sizeOf(shape), i + 1).map(transform));
  const feed = (data: Float32Array[]) => Object.fromEntries(data.map((v, i) => [`x${i}`, v]));
  const outcome = await graph.run(feed(at));
  for (const [i, base] of at.entries()) {
    const gradient = outcome[`g${i}`] as Float32Array;
    const direction = values(base.length, 1000 + i);
    const moved = (sign: number) =>
      feed(at.map((v, j) => (j === i ? v.map((x, n) => x + sign * step * direction[n]!) : v)));
    const up = (await graph.run(moved(1))).loss![0] as number;
    const down = (await graph.run(moved(-1))).loss![0] as number;
    const measured = (up - down) / (2 * step);
    const claimed = gradient.reduce((sum, g, n) => sum + g * direction[n]!, 0);
    const size = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0) * base.length) / 3 + 1e-3;
    assert.ok(
      Math.abs(measured - claimed) <= tolerance * size,
      `input ${i} of [${shapes.map(String).join("] [")}]: measured ${measured}, gradient says ${claimed} (scale ${size})`,
    );
  }
  await graph.release();
}
