// How θ_q and θ_k move: one by the gradient of the loss, the other by momentum.
import { add, type GradientOptions, gradients, input, mul, scalar, sub, type Tensor } from "../graph/index.ts";
import type { Optimizer } from "../optimize/optimizer.ts";
import { named, type Theta } from "./encode.ts";

/** θ_k ← m θ_k + (1−m) θ_q (equation 2). Parameters only: the key encoder has running statistics of its own. */
export function momentumUpdate(thetaK: Theta, thetaQ: Theta, m: number | Tensor): Theta {
  const [old, fresh] = typeof m === "number" ? [scalar(m), scalar(1 - m)] : [m, sub(scalar(1), m)];
  const moved = (name: string, before: Tensor) => add(mul(before, old), mul(thetaQ.parameters.get(name)!, fresh));
  const parameters = new Map([...thetaK.parameters].map(([name, before]) => [name, moved(name, before)]));
  return { ...thetaK, parameters };
}

/**
 * One step of the optimiser on θ_q. Takes the inputs `learningRate` and `step` [] and the optimiser's state.
 *
 * @returns State by name → its value after the step (`q.<name>`, `velocity.<name>`; what is fixed as it is), and
 *   gradients by parameter name.
 */
export function learn(
  loss: Tensor,
  { parameters, fixed }: Theta,
  optimizer: Optimizer,
  options?: GradientOptions,
): { next: Map<string, Tensor>; gradients: Map<string, Tensor> } {
  const found = gradients(loss, [...parameters.values()], options);
  const schedule = { learningRate: input("learningRate", []), step: input("step", []) };
  const next = new Map<string, Tensor>(named("q", fixed));
  const gradientOf = new Map<string, Tensor>();
  for (const [i, [name, parameter]] of [...parameters].entries()) {
    const gradient = found[i]!;
    const parts = Object.entries(optimizer.stateShapes(parameter.shape));
    const state = Object.fromEntries(parts.map(([part, shape]) => [part, input(`${part}.${name}`, shape)]));
    const updated = optimizer.update(parameter, gradient, state, schedule);
    gradientOf.set(name, gradient);
    next.set(`q.${name}`, updated.parameter);
    for (const [part, tensor] of Object.entries(updated.state)) next.set(`${part}.${name}`, tensor);
  }
  return { next, gradients: gradientOf };
}
