// First values of a network's tensors.
import type { TensorSpec } from "./scope.ts";

/** Draws the first values of `spec`. `draw` is the random source. */
export function initialValues(
  spec: TensorSpec,
  draw: { normal(): number; uniform(from: number, to: number): number },
): Float32Array {
  const { init, shape } = spec;
  const values = new Float32Array(shape.reduce((a, b) => a * b, 1));
  if (init === "zeros") return values;
  if (init === "ones") return values.fill(1);
  if (init === "he-fan-out") {
    const [outputs, , height, width] = shape as [number, number, number, number];
    const deviation = Math.sqrt(2 / (outputs * height * width));
    return values.map(() => draw.normal() * deviation);
  }
  if ("deviation" in init) return values.map(() => draw.normal() * init.deviation);
  const bound = 1 / Math.sqrt(init.uniformFanIn);
  return values.map(() => draw.uniform(-bound, bound));
}
