// The step of a fine-tuning as a graph, and the state that it begins with.
import { AppError } from "../../core/errors.ts";
import type { TrainingConfig } from "../config/schema.ts";
import type { StoredTensor } from "../data/safetensors.ts";
import { randomStream } from "../data/streams.ts";
import {
  cast,
  constant,
  div,
  type FormChooser,
  input,
  mul,
  scalar,
  sizeOf,
  sub,
  type Tensor,
  transpose,
} from "../graph/index.ts";
import { named, thetaInputs, thetaScope } from "../moco/encode.ts";
import { learn } from "../moco/update.ts";
import { initialValues } from "../network/initialise.ts";
import { type TensorSpec, tensorSpecs } from "../network/scope.ts";
import { sgd } from "../optimize/optimizer.ts";
import { IMAGENET_NORMALISATION } from "../views/preprocessing.ts";
import { isOfHead } from "./heads.ts";
import { type Segmenter, segmentationLoss } from "./segmenter.ts";

/** An encoder to begin from. */
export interface Start {
  readonly config: Pick<TrainingConfig, "architecture" | "normalisation">;
  /** Its tensors by name. @default none: drawn at random */
  readonly weights?: ReadonlyMap<string, StoredTensor>;
}

/** The graph of one step. */
export interface FineTuningStep {
  readonly loss: Tensor;
  /** State by name (`q.…`, `velocity.…`) → its value after the step. */
  readonly next: ReadonlyMap<string, Tensor>;
  /** Gradient of the loss by parameter name. */
  readonly gradients: ReadonlyMap<string, Tensor>;
  /** The network's tensors, in the order of its layers. */
  readonly specs: readonly TensorSpec[];
}

/**
 * Builds the step for B crops of S pixels a side. Takes `images` uint8 [B, S, S, 3], `labels` [B, S·S],
 * `learningRate` and `step` [], and what the loss of the head takes. All is tuned, batch norm too.
 */
export function fineTuningStep(
  segmenter: Segmenter,
  config: Start["config"],
  { batch: B, crop: S }: { batch: number; crop: number },
  chooser?: FormChooser,
): FineTuningStep {
  const x = normalised(input("images", [B, S, S, 3], "uint8"), config);
  const labels = input("labels", [B, S * S]);
  const specs = tensorSpecs((scope) => segmentationLoss(x, labels, scope, segmenter));
  const theta = thetaInputs(specs, "q");
  const scope = thetaScope(theta, { bnGroups: 1, chooser });
  const loss = segmentationLoss(x, labels, scope, segmenter);
  const { next, gradients } = learn(loss, theta, sgd({ momentum: 0.9, weightDecay: 1e-4 }));
  return { loss, next: new Map([...next, ...named("q", scope.updated)]), gradients, specs };
}

/** Bytes [N, H, W, 3] → what the encoder takes, [N, 3, H, W]. */
export function normalised(images: Tensor, { normalisation = IMAGENET_NORMALISATION }: Start["config"]): Tensor {
  const channels = (values: readonly number[]) => constant(Float32Array.from(values), [1, 3, 1, 1]);
  const unit = mul(cast(transpose(images, [0, 3, 1, 2]), "float32"), scalar(1 / 255));
  return div(sub(unit, channels(normalisation.mean)), channels(normalisation.std));
}

/** The encoder's weights; the head, and an encoder without weights, at random; the optimiser's state zero. */
export function initialState(
  { next, specs }: FineTuningStep,
  { weights }: Start,
  seed: number,
): Map<string, Float32Array> {
  const random = randomStream(seed, "initialValues");
  const state = new Map<string, Float32Array>();
  for (const [name, { shape }] of next) state.set(name, new Float32Array(sizeOf(shape)));
  for (const spec of specs) {
    const values = weights && !isOfHead(spec.name) ? take(weights, spec).slice() : initialValues(spec, random);
    state.set(`q.${spec.name}`, values);
  }
  return state;
}

/** The tensor of an encoder. @throws AppError `invalid_checkpoint` where the weights are of another network. */
function take(weights: ReadonlyMap<string, StoredTensor>, { name, shape }: TensorSpec): Float32Array {
  const { data, shape: found } = weights.get(name) ?? {};
  if (data instanceof Float32Array && found?.join() === shape.join()) return data;
  throw new AppError(
    "invalid_checkpoint",
    `Expected the tensor ${name} of [${shape}] but ${found ? `it has [${found}]` : "it is not there"}: the weights are of another network than their configuration says. Use those that training or import wrote.`,
  );
}
