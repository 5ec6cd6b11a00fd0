import { normalised } from "../core/vector.ts";
import { mulberry32 } from "./tiny-model.ts";

/** `count` random vectors of unit norm; the same for the same seed. */
export function unitVectors(count: number, dimensions: number, seed = 1): Float32Array[] {
  const random = mulberry32(seed);
  return Array.from({ length: count }, () =>
    normalised(Float32Array.from({ length: dimensions }, () => random() + random() + random() - 1.5)),
  );
}
