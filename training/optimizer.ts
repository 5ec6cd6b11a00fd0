// Optimisers as pure pairs: what state a parameter has, and one update of it.
import { add, div, exp, mul, type Shape, scalar, sqrt, sub, type Tensor } from "./graph/index.ts";

/** State tensors of one parameter by name; all begin at zero. */
export type OptimizerState = Readonly<Record<string, Tensor>>;

/** One optimiser. `step` is the number of the step, counted from 1, as a float32 scalar. */
export interface Optimizer {
  stateShapes(parameter: Shape): Readonly<Record<string, Shape>>;
  update(
    parameter: Tensor,
    gradient: Tensor,
    state: OptimizerState,
    schedule: { readonly learningRate: Tensor; readonly step: Tensor },
  ): { parameter: Tensor; state: OptimizerState };
}

/** v ← μ v + (g + λ θ); θ ← θ − lr v. As torch.optim.SGD, whose first step begins with v = g: the same, since v = 0. */
export function sgd({ momentum, weightDecay }: { momentum: number; weightDecay: number }): Optimizer {
  return {
    stateShapes: (shape) => ({ velocity: shape }),
    update(parameter, gradient, { velocity }, { learningRate }) {
      const decayed = add(gradient, mul(parameter, scalar(weightDecay)));
      const next = add(mul(velocity!, scalar(momentum)), decayed);
      return { parameter: sub(parameter, mul(next, learningRate)), state: { velocity: next } };
    },
  };
}

/** AdamW (Loshchilov and Hutter, arXiv 1711.05101): decoupled decay, bias correction, ε outside the root. */
export function adamw(options: { betas: readonly [number, number]; epsilon: number; weightDecay: number }): Optimizer {
  const [beta1, beta2] = options.betas;
  return {
    stateShapes: (shape) => ({ firstMoment: shape, secondMoment: shape }),
    update(parameter, gradient, { firstMoment, secondMoment }, { learningRate, step }) {
      const mix = (average: Tensor, value: Tensor, beta: number) =>
        add(mul(average, scalar(beta)), mul(value, scalar(1 - beta)));
      const corrected = (average: Tensor, beta: number) =>
        div(average, sub(scalar(1), exp(mul(step, scalar(Math.log(beta))))));
      const first = mix(firstMoment!, gradient, beta1);
      const second = mix(secondMoment!, mul(gradient, gradient), beta2);
      const direction = div(corrected(first, beta1), add(sqrt(corrected(second, beta2)), scalar(options.epsilon)));
      const decayed = sub(parameter, mul(parameter, mul(learningRate, scalar(options.weightDecay))));
      return {
        parameter: sub(decayed, mul(direction, learningRate)),
        state: { firstMoment: first, secondMoment: second },
      };
    },
  };
}
