// How much a network computes for one image, as convolutions are defined: forms that need fewer multiplications, such
// as Winograd's, count alike.
import { input, multiplications } from "../training/graph/index.ts";
import type { Encoder } from "../training/moco/encode.ts";
import { evaluationScope } from "../training/network/scope.ts";

/** Floating-point operations of the forward pass of `f` for a view of `side` pixels, two a multiplication. */
export function forwardOperations(f: Encoder, side: number): number {
  const scope = evaluationScope(({ name, shape }) => input(name, shape));
  return 2 * multiplications([f(input("view", [1, 3, side, side]), scope)]);
}

/** Those of a step of MoCo for one image: forward and backward for its query, forward for its key. */
export const stepOperations = (f: Encoder, side: number): number => 4 * forwardOperations(f, side);
