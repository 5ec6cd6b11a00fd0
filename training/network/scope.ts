// Where a network's layers get their tensors, and how they normalise. One definition of a network serves training
// (batch statistics), evaluation (running statistics) and export (batch norm folded into the convolution): only the
// scope differs.
import {
  add,
  batchNorm,
  type ConvOptions,
  constant,
  conv2d,
  div,
  type FormChooser,
  firstForm,
  input,
  mul,
  reshape,
  type Shape,
  scalar,
  sizeOf,
  sqrt,
  sub,
  type Tensor,
} from "../graph/index.ts";

/** How a parameter or buffer begins. */
export type Init =
  /** Normal with standard deviation √(2 / fan out): He initialisation as torchvision's ResNets use it. */
  | "he-fan-out"
  /** Uniform in ±1/√fanIn, as torch.nn.Linear. */
  | { readonly uniformFanIn: number }
  /** Normal with this standard deviation, as in transformers. */
  | { readonly deviation: number }
  | "zeros"
  | "ones";

/** A named tensor of a network. */
export interface TensorSpec {
  /** torchvision's name, such as `layer1.0.conv1.weight`. */
  readonly name: string;
  readonly shape: Shape;
  readonly init: Init;
  /** Parameters are learned; buffers are the running statistics of batch norm. */
  readonly kind: "parameter" | "buffer";
}

/** Gives the tensor of a name. */
export type Lookup = (spec: TensorSpec) => Tensor;

/** What a layer needs to know of its surroundings. */
export interface Scope {
  parameter(name: string, shape: Shape, init: Init): Tensor;
  /** Convolution without bias, then batch norm: x [N, C, H, W] → [N, channels, H', W']. */
  convNorm(x: Tensor, names: { conv: string; norm: string }, layer: ConvLayer): Tensor;
}

/** Shape of a convolution; the padding defaults to half the kernel, which keeps the size at stride 1. */
export interface ConvLayer extends ConvOptions {
  readonly channels: number;
  readonly kernel: number;
}

const EPSILON = 1e-5;
/** Weight of the new batch in the running statistics, as torch.nn.BatchNorm2d. */
const RUNNING_MOMENTUM = 0.1;

function conv(scope: Scope, x: Tensor, name: string, layer: ConvLayer, chooser?: FormChooser): Tensor {
  const { channels, kernel, groups = 1 } = layer;
  const weight = scope.parameter(`${name}.weight`, [channels, x.shape[1]! / groups, kernel, kernel], "he-fan-out");
  return conv2d(x, weight, { ...convOptions(layer), ...(chooser && { chooser }) });
}

const convOptions = ({ kernel, stride = 1, padding = kernel >> 1, groups = 1 }: ConvLayer): ConvOptions => ({
  stride,
  padding,
  groups,
});

/** The four tensors of a batch norm over `channels`. */
function normTensors(lookup: Lookup, name: string, channels: number) {
  const of = (part: string, init: Init, kind: TensorSpec["kind"]) =>
    lookup({ name: `${name}.${part}`, shape: [channels], init, kind });
  return {
    weight: of("weight", "ones", "parameter"),
    bias: of("bias", "zeros", "parameter"),
    mean: of("running_mean", "zeros", "buffer"),
    variance: of("running_var", "ones", "buffer"),
  };
}

const parameters = (lookup: Lookup): Scope["parameter"] => {
  return (name, shape, init) => lookup({ name, shape, init, kind: "parameter" });
};

/**
 * Batch statistics in `groups` groups. `updated` fills with the new running statistics by buffer name while the network
 * is built.
 *
 * @param chooser Of the forms of convolutions. @default the first
 */
export function trainingScope(
  lookup: Lookup,
  groups: number,
  chooser: FormChooser = firstForm,
): Scope & { readonly updated: Map<string, Tensor> } {
  const updated = new Map<string, Tensor>();
  const scope: Scope = {
    parameter: parameters(lookup),
    convNorm(x, names, layer) {
      const y = conv(scope, x, names.conv, layer, chooser);
      const norm = normTensors(lookup, names.norm, layer.channels);
      const out = batchNorm(y, norm.weight, norm.bias, { groups, epsilon: EPSILON });
      const moved = (running: Tensor, batch: Tensor) =>
        add(mul(running, scalar(1 - RUNNING_MOMENTUM)), mul(batch, scalar(RUNNING_MOMENTUM)));
      updated.set(`${names.norm}.running_mean`, moved(norm.mean, out.mean));
      updated.set(`${names.norm}.running_var`, moved(norm.variance, out.variance));
      return out.y;
    },
  };
  return { ...scope, updated };
}

/** Running statistics: the network as it is used, every operation as in training. */
export function evaluationScope(lookup: Lookup): Scope {
  const scope: Scope = {
    parameter: parameters(lookup),
    convNorm(x, names, layer) {
      const y = conv(scope, x, names.conv, layer);
      const norm = normTensors(lookup, names.norm, layer.channels);
      const column = (t: Tensor) => reshape(t, [1, layer.channels, 1, 1]);
      const deviation = sqrt(add(column(norm.variance), scalar(EPSILON)));
      return add(mul(div(sub(y, column(norm.mean)), deviation), column(norm.weight)), column(norm.bias));
    },
  };
  return scope;
}

/** The tensor of a name made once, however often a network that encodes several views asks for it. */
export function once<T extends { readonly name: string }>(make: (spec: T) => Tensor): (spec: T) => Tensor {
  const made = new Map<string, Tensor>();
  return (spec) => {
    const tensor = made.get(spec.name) ?? make(spec);
    made.set(spec.name, tensor);
    return tensor;
  };
}

/** Fixed values, batch norm folded into the convolution before it: what is exported. */
export function foldedScope(read: (name: string) => Float32Array): Scope {
  const fixed = once(({ shape, values }: { name: string; shape: Shape; values: () => Float32Array }) =>
    constant(values(), shape),
  );
  return {
    parameter: (name, shape) => fixed({ name, shape, values: () => read(name) }),
    convNorm(x, names, layer) {
      const { channels, kernel, groups = 1 } = layer;
      const part = (name: string) => read(`${names.norm}.${name}`);
      const variance = part("running_var");
      const scale = part("weight").map((w, o) => w / Math.sqrt(variance[o]! + EPSILON));
      const mean = part("running_mean");
      const bias = part("bias").map((b, o) => b - mean[o]! * scale[o]!);
      const shape = [channels, x.shape[1]! / groups, kernel, kernel];
      const perChannel = sizeOf(shape) / channels;
      const weight = () => read(`${names.conv}.weight`).map((w, i) => w * scale[Math.floor(i / perChannel)]!);
      return conv2d(
        x,
        fixed({ name: names.conv, shape, values: weight }),
        convOptions(layer),
        fixed({ name: names.norm, shape: [channels], values: () => bias }),
      );
    },
  };
}

/** The tensors that `build` asks its scope for, in the order of its layers. */
export function tensorSpecs(build: (scope: Scope) => unknown): TensorSpec[] {
  const specs: TensorSpec[] = [];
  const record = (spec: TensorSpec) => {
    specs.push(spec);
    return input(spec.name, spec.shape);
  };
  build(evaluationScope(record));
  return specs;
}
