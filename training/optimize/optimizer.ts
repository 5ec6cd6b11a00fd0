// Optimisers as pairs of pure functions: the state that a parameter needs, and one update.
import type { TrainingConfig } from "../config/schema.ts";
import {
  add,
  div,
  exp,
  isPositive,
  mul,
  reduceSum,
  type Shape,
  scalar,
  sqrt,
  sub,
  type Tensor,
} from "../graph/index.ts";

/** State of one parameter by name; all of it is zero at first. */
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

/** The optimiser of a configuration. */
export function optimizerOf(config: TrainingConfig): Optimizer {
  const { optimizer, momentum, weightDecay, decayVectors, nesterov, betas, epsilon, trust } = config;
  if (optimizer === "adamw") return adamw({ betas, epsilon, weightDecay });
  if (optimizer === "lars") return lars({ momentum, weightDecay, trust });
  return sgd({ momentum, weightDecay, decayVectors, nesterov });
}

/** Options of {@link sgd}. */
interface SgdOptions {
  readonly momentum: number;
  readonly weightDecay: number;
  /** Whether biases and batch norm, tensors of one dimension, decay too. @default true */
  readonly decayVectors?: boolean;
  /** Looks ahead: the step is g + λθ + μ v instead of v. @default false */
  readonly nesterov?: boolean;
}

/**
 * v ← μ v + (g + λ θ); θ ← θ − lr v. As torch.optim.SGD, whose first step begins with v = g: the same, since v = 0. Its
 * nesterov too.
 */
export function sgd({ momentum, weightDecay, decayVectors = true, nesterov = false }: SgdOptions): Optimizer {
  return {
    stateShapes: (shape) => ({ velocity: shape }),
    update(parameter, gradient, { velocity }, { learningRate }) {
      const decays = decayVectors || parameter.shape.length > 1;
      const decayed = decays ? add(gradient, mul(parameter, scalar(weightDecay))) : gradient;
      const next = add(mul(velocity!, scalar(momentum)), decayed);
      const direction = nesterov ? add(decayed, mul(next, scalar(momentum))) : next;
      return { parameter: sub(parameter, mul(direction, learningRate)), state: { velocity: next } };
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

/**
 * LARS (You et al., arXiv 1708.03888): SGD whose step is, for each weight tensor, in proportion to the tensor's own
 * norm: d = g + λθ; v ← μ v + η (‖θ‖ / ‖d‖) d; θ ← θ − lr v, η the trust coefficient. Where either norm is 0 the factor
 * is 1. Biases and batch norm (tensors of one dimension) get neither decay nor factor.
 */
export function lars(options: { momentum: number; weightDecay: number; trust: number }): Optimizer {
  const { momentum, weightDecay, trust } = options;
  const plain = sgd({ momentum, weightDecay: 0 });
  return {
    stateShapes: plain.stateShapes,
    update(parameter, gradient, state, schedule) {
      if (parameter.shape.length <= 1) return plain.update(parameter, gradient, state, schedule);
      const decayed = add(gradient, mul(parameter, scalar(weightDecay)));
      const norm = (x: Tensor) => sqrt(reduceSum(mul(x, x)));
      const [weightNorm, stepNorm] = [norm(parameter), norm(decayed)];
      const both = isPositive(mul(weightNorm, stepNorm)); // 1 or 0
      const neither = sub(scalar(1), both);
      const factor = add(mul(both, div(mul(weightNorm, scalar(trust)), add(stepNorm, neither))), neither);
      return plain.update(parameter, mul(decayed, factor), state, schedule);
    },
  };
}
