// The encoder that learns: f_q, its parameters θ_q and their update. Every mechanism has it.
import { type FormChooser, type GradientOptions, gradients, input, l2Normalise, type Tensor } from "../graph/index.ts";
import { type TensorSpec, trainingScope } from "../network/scope.ts";
import type { Optimizer } from "../optimize/optimizer.ts";

/** The encoder f: images [B, 3, H, W] → projections [B, D], not normalised. */
export type Encoder = (x: Tensor, scope: ReturnType<typeof trainingScope>) => Tensor;

/** f_q in a graph under construction. */
export interface QueryEncoder {
  /** θ_q by name: the inputs `q.<name>`. */
  readonly theta: ReadonlyMap<string, Tensor>;
  /** Tensors of the encoder, in the order of its layers. Filled by the first encoding, as is `theta`. */
  readonly tensors: readonly TensorSpec[];
  /** x [B, 3, H, W] → [B, D] of unit norm, with batch statistics; those of the last call go into the running ones. */
  encode(x: Tensor): Tensor;
  /** One update of θ_q; takes the inputs `learningRate` and `step` []. State by name → its value after the step. */
  learn(
    loss: Tensor,
    optimizer: Optimizer,
    options?: GradientOptions,
  ): { next: Map<string, Tensor>; gradients: Map<string, Tensor> };
}

/** f_q with statistics in `bnGroups` groups of the batch. @param chooser Of the forms of its convolutions. */
export function queryEncoder(f: Encoder, bnGroups: number, chooser?: FormChooser): QueryEncoder {
  const known = new Map<string, Tensor>();
  const theta = new Map<string, Tensor>();
  const tensors: TensorSpec[] = [];
  const scope = trainingScope(
    (spec) => {
      const before = known.get(spec.name);
      if (before) return before;
      const tensor = input(`q.${spec.name}`, spec.shape);
      known.set(spec.name, tensor);
      tensors.push(spec);
      if (spec.kind === "parameter") theta.set(spec.name, tensor);
      return tensor;
    },
    bnGroups,
    chooser,
  );
  return {
    theta,
    tensors,
    encode: (x) => l2Normalise(f(x, scope)),
    learn(loss, optimizer, options) {
      const names = [...theta.keys()];
      const found = gradients(loss, [...theta.values()], options);
      const schedule = { learningRate: input("learningRate", []), step: input("step", []) };
      const next = new Map<string, Tensor>();
      names.forEach((name, i) => {
        const parameter = theta.get(name)!;
        const state: Record<string, Tensor> = {};
        for (const [part, shape] of Object.entries(optimizer.stateShapes(parameter.shape))) {
          state[part] = input(`${part}.${name}`, shape);
        }
        const updated = optimizer.update(parameter, found[i]!, state, schedule);
        next.set(`q.${name}`, updated.parameter);
        for (const [part, tensor] of Object.entries(updated.state)) next.set(`${part}.${name}`, tensor);
      });
      for (const [name, tensor] of scope.updated) next.set(`q.${name}`, tensor);
      return { next, gradients: new Map(names.map((name, i) => [name, found[i]!])) };
    },
  };
}
