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
  if (init === "sin-cos") return placesOf(shape as [number, number, number]);
  if ("deviation" in init) return values.map(() => draw.normal() * init.deviation);
  const bound = "glorotFans" in init ? Math.sqrt(6 / init.glorotFans) : 1 / Math.sqrt(init.uniformFanIn);
  return values.map(() => draw.uniform(-bound, bound));
}

/**
 * Where each token is, [1, 1 + side², D], as in MoCo v3's code: sines, then cosines of the row by D/4 frequencies from
 * 1 to near 1/10000, then those of the column. The class token, the first, is nowhere: zeros.
 */
function placesOf([, tokens, D]: readonly [number, number, number]): Float32Array {
  const side = Math.sqrt(tokens - 1);
  const quarter = D / 4;
  return Float32Array.from({ length: tokens * D }, (_, i) => {
    const [token, channel] = [Math.floor(i / D) - 1, i % D];
    if (token < 0) return 0;
    const along = channel < 2 * quarter ? Math.floor(token / side) : token % side;
    const angle = along / 10_000 ** ((channel % quarter) / quarter);
    return Math.floor(channel / quarter) % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
}
