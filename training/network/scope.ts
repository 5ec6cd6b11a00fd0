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
  reshapeItems,
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
  /** Uniform in ±√(6 / (fan in + fan out)): Glorot and Bengio 2010. */
  | { readonly glorotFans: number }
  /** Normal with this standard deviation, as in transformers. */
  | { readonly deviation: number }
  /** Sines and cosines of the place of a token in its square, [1, 1 + side², D]: see `initialise.ts`. */
  | "sin-cos"
  | "zeros"
  | "ones";

/** A named tensor of a network. */
export interface TensorSpec {
  /** torchvision's name, such as `layer1.0.conv1.weight`. */
  readonly name: string;
  readonly shape: Shape;
  readonly init: Init;
  /** Parameters are learned; buffers are the running statistics of batch norm; what is fixed stays as it began. */
  readonly kind: "parameter" | "buffer" | "fixed";
}

/** Gives the tensor of a name. */
export type Lookup = (spec: TensorSpec) => Tensor;

/** What a layer needs to know of its surroundings. */
export interface Scope {
  parameter(name: string, shape: Shape, init: Init): Tensor;
  /** A tensor that is not learned. */
  fixed(name: string, shape: Shape, init: Init): Tensor;
  /** Batch norm of vectors [N, C]. */
  norm(x: Tensor, name: string, options?: NormOptions): Tensor;
  /** Convolution without bias, then batch norm: x [N, C, H, W] → [N, channels, H', W']. */
  convNorm(x: Tensor, names: { conv: string; norm: string }, layer: ConvLayer): Tensor;
}

/** How a batch norm begins, and what of it is learned. */
export interface NormOptions {
  /** False: neither scale nor offset, only the statistics. @default true */
  readonly affine?: boolean;
  /** First value of the scale. @default "ones" */
  readonly scale?: "ones" | "zeros";
}

/** Shape of a convolution; the padding defaults to half the kernel, which keeps the size at stride 1. */
export interface ConvLayer extends ConvOptions, Pick<NormOptions, "scale"> {
  readonly channels: number;
  readonly kernel: number;
}

const EPSILON = 1e-5;
/** Weight of the new batch in the running statistics, as torch.nn.BatchNorm2d. */
const RUNNING_MOMENTUM = 0.1;

function conv(
  scope: Pick<Scope, "parameter">,
  x: Tensor,
  name: string,
  layer: ConvLayer,
  chooser?: FormChooser,
): Tensor {
  const { channels, kernel, groups = 1 } = layer;
  const weight = scope.parameter(`${name}.weight`, [channels, x.shape[1]! / groups, kernel, kernel], "he-fan-out");
  return conv2d(x, weight, { ...convOptions(layer), ...(chooser && { chooser }) });
}

const convOptions = ({ kernel, stride = 1, padding = kernel >> 1, groups = 1 }: ConvLayer): ConvOptions => ({
  stride,
  padding,
  groups,
});

/** The tensors of a batch norm over `channels`. */
function normTensors(lookup: Lookup, name: string, channels: number, { affine = true, scale = "ones" }: NormOptions) {
  const of = (part: string, init: Init, kind: TensorSpec["kind"]) =>
    lookup({ name: `${name}.${part}`, shape: [channels], init, kind });
  return {
    weight: affine ? of("weight", scale, "parameter") : constant(new Float32Array(channels).fill(1), [channels]),
    bias: affine ? of("bias", "zeros", "parameter") : constant(new Float32Array(channels), [channels]),
    mean: of("running_mean", "zeros", "buffer"),
    variance: of("running_var", "ones", "buffer"),
  };
}

/** The tensors that a scope takes as they are. */
const plain = (lookup: Lookup): Pick<Scope, "parameter" | "fixed"> => ({
  parameter: (name, shape, init) => lookup({ name, shape, init, kind: "parameter" }),
  fixed: (name, shape, init) => lookup({ name, shape, init, kind: "fixed" }),
});

/** A batch norm of [N, C, H, W], and so of vectors [N, C] as images of one pixel. */
type Norm = (x: Tensor, name: string, options: NormOptions) => Tensor;

/** A scope that normalises by `norm`. */
function scopeOf(lookup: Lookup, norm: Norm, chooser?: FormChooser): Scope {
  const scope: Scope = {
    ...plain(lookup),
    norm: (x, name, options = {}) =>
      reshapeItems(norm(reshapeItems(x, [x.shape[1]!, 1, 1]), name, options), [x.shape[1]!]),
    convNorm: (x, names, layer) => norm(conv(scope, x, names.conv, layer, chooser), names.norm, layer),
  };
  return scope;
}

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
  const norm: Norm = (x, name, options) => {
    const { weight, bias, mean, variance } = normTensors(lookup, name, x.shape[1]!, options);
    const out = batchNorm(x, weight, bias, { groups, epsilon: EPSILON });
    const moved = (running: Tensor, batch: Tensor) =>
      add(mul(running, scalar(1 - RUNNING_MOMENTUM)), mul(batch, scalar(RUNNING_MOMENTUM)));
    updated.set(`${name}.running_mean`, moved(mean, out.mean));
    updated.set(`${name}.running_var`, moved(variance, out.variance));
    return out.y;
  };
  return { ...scopeOf(lookup, norm, chooser), updated };
}

/** Running statistics: the network as it is used, every operation as in training. */
export function evaluationScope(lookup: Lookup): Scope {
  return scopeOf(lookup, (x, name, options) => {
    const { weight, bias, mean, variance } = normTensors(lookup, name, x.shape[1]!, options);
    const column = (t: Tensor) => reshape(t, [1, x.shape[1]!, 1, 1]);
    const deviation = sqrt(add(column(variance), scalar(EPSILON)));
    return add(mul(div(sub(x, column(mean)), deviation), column(weight)), column(bias));
  });
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
  const made = once(({ shape, values }: { name: string; shape: Shape; values: () => Float32Array }) =>
    constant(values(), shape),
  );
  /** A batch norm as y = x · scale + bias. */
  const folded = (name: string, affine = true) => {
    const part = (of: string) => read(`${name}.${of}`);
    const [mean, variance] = [part("running_mean"), part("running_var")];
    const [weight, offset] = affine ? [part("weight"), part("bias")] : [];
    const scale = variance.map((v, c) => (weight?.[c] ?? 1) / Math.sqrt(v + EPSILON));
    return { scale, bias: mean.map((m, c) => (offset?.[c] ?? 0) - m * scale[c]!) };
  };
  return {
    ...plain(({ name, shape }) => made({ name, shape, values: () => read(name) })),
    norm(x, name, { affine } = {}) {
      const row = (part: "scale" | "bias") =>
        made({ name: `${name}.${part}`, shape: [1, x.shape[1]!], values: () => folded(name, affine)[part] });
      return add(mul(x, row("scale")), row("bias"));
    },
    convNorm(x, names, layer) {
      const { channels, kernel, groups = 1 } = layer;
      const { scale, bias } = folded(names.norm);
      const shape = [channels, x.shape[1]! / groups, kernel, kernel];
      const perChannel = sizeOf(shape) / channels;
      const weight = () => read(`${names.conv}.weight`).map((w, i) => w * scale[Math.floor(i / perChannel)]!);
      return conv2d(
        x,
        made({ name: names.conv, shape, values: weight }),
        convOptions(layer),
        made({ name: names.norm, shape: [channels], values: () => bias }),
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
