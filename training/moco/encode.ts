// The encoder f in a graph under construction. The paper's f_q and f_k are one f with different parameters.
import { type FormChooser, input, l2Normalise, type Tensor } from "../graph/index.ts";
import { type Scope, type TensorSpec, trainingScope } from "../network/scope.ts";

/** f: images [B, 3, H, W] → projections [B, D], not normalised. */
export type Encoder = (x: Tensor, scope: Scope) => Tensor;

/** What f encodes with: tensors by name, in the order of its layers. */
export interface Theta {
  /** θ of the paper: what is learned, or follows by momentum. */
  readonly parameters: ReadonlyMap<string, Tensor>;
  /** Running statistics of batch norm. */
  readonly buffers: ReadonlyMap<string, Tensor>;
  /** What stays as it began, the same for both encoders. */
  readonly fixed: ReadonlyMap<string, Tensor>;
}

/**
 * `specs` as inputs of the graph, named `<net>.<name>`.
 *
 * @param fixed Those of the other encoder. @default inputs as well
 */
export function thetaInputs(specs: readonly TensorSpec[], net: "q" | "k", fixed?: Theta["fixed"]): Theta {
  const ofKind = (wanted: TensorSpec["kind"]) =>
    new Map(
      specs.filter(({ kind }) => kind === wanted).map(({ name, shape }) => [name, input(`${net}.${name}`, shape)]),
    );
  return { parameters: ofKind("parameter"), buffers: ofKind("buffer"), fixed: fixed ?? ofKind("fixed") };
}

/** How f encodes. */
export interface EncodeOptions {
  /** Groups of the batch with statistics of their own. */
  readonly bnGroups: number;
  /** Chooses the forms of convolutions. @default the first form of each */
  readonly chooser?: FormChooser | undefined;
}

/** What an encoding gives. */
export interface Encoded {
  /** [B, D], of unit norm. */
  readonly vectors: Tensor;
  /** The running statistics after this batch, by buffer name. */
  readonly buffers: ReadonlyMap<string, Tensor>;
}

/** The scope that a network is built in with θ and batch statistics. */
export function thetaScope({ parameters, buffers, fixed }: Theta, { bnGroups, chooser }: EncodeOptions) {
  const of = { parameter: parameters, buffer: buffers, fixed };
  return trainingScope(({ name, kind }) => of[kind].get(name)!, bnGroups, chooser);
}

/** Encodes x [B, 3, H, W] with batch statistics. */
export function encode(f: Encoder, x: Tensor, theta: Theta, options: EncodeOptions): Encoded {
  const scope = thetaScope(theta, options);
  return { vectors: l2Normalise(f(x, scope)), buffers: scope.updated };
}

/** Entries with the names of a run's state: `<net>.<name>`. */
export const named = (net: "q" | "k", tensors: ReadonlyMap<string, Tensor>): Array<[string, Tensor]> =>
  [...tensors].map(([name, tensor]) => [`${net}.${name}`, tensor]);
