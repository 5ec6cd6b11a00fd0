// A reference run in PyTorch, as safetensors: its hyper-parameters are JSON in the metadata, as `run`. docs/training.md
// has the format; scripts/pytorch/make_moco_v3.py writes it for MoCo v3.
import { z } from "zod";
import { AppError } from "../../../core/errors.ts";
import { isJsonObject } from "../../../core/json.ts";
import { decodeSafetensors, type TensorFile } from "../../data/safetensors.ts";
import { type Architecture, backbone } from "../../network/backbone.ts";
import { type HeadConfig, projectionHead } from "../../network/heads.ts";
import { adamw, lars, type Optimizer, sgd } from "../../optimize/optimizer.ts";
import type { Encoder } from "../encode.ts";

const count = z.int().positive();

const common = {
  steps: count,
  batch: count,
  image_size: count,
  dim: count,
  optimizer: z.enum(["sgd", "adamw", "lars"]),
  lr: z.number(),
  momentum: z.number().default(0.9),
  betas: z.tuple([z.number(), z.number()]).default([0.9, 0.999]),
  eps: z.number().default(1e-8),
  trust: z.number().default(1e-3),
  weight_decay: z.number(),
  key_momentum: z.number(),
  temperature: z.number(),
};

const residual = {
  block: z.enum(["basic", "bottleneck"]),
  widths: z.array(count).min(1),
  groups: count.default(1),
};

const transformer = {
  block: z.literal("vit"),
  width: count,
  depth: count,
  heads: count,
  patch: count,
  hidden: count,
  frozen_patches: z.boolean().default(false),
};

const v3 = {
  method: z.literal("moco-v3"),
  key_momentum_schedule: z.enum(["constant", "cosine"]).default("constant"),
  head_layers: z.int().min(2),
  head_hidden: count,
  predictor_hidden: count,
  predictor_norm: z.boolean(),
};

const mocoSchema = z.object({
  method: z.literal("moco").default("moco"),
  ...common,
  ...residual,
  queue_size: count,
  head: z.enum(["linear", "mlp"]),
  bn_splits: count,
});
const v3Schema = z.discriminatedUnion("block", [
  z.object({ ...common, ...v3, ...residual }),
  z.object({ ...common, ...v3, ...transformer }),
]);

/** The hyper-parameters of a run of MoCo v1 or v2. */
export type MocoRun = z.infer<typeof mocoSchema>;
/** Those of a run of MoCo v3. */
export type MocoV3Run = z.infer<typeof v3Schema>;

type ReferenceRun = MocoRun | MocoV3Run;

/** A reference run. */
export interface Reference {
  readonly run: ReferenceRun;
  /** A tensor by its name as float32. @throws AppError `invalid_checkpoint` where it is missing. */
  of(name: string): Float32Array;
  /** A permutation by its name. */
  permutation(name: string): BigInt64Array;
}

/**
 * Reads a reference run.
 *
 * @throws AppError `invalid_checkpoint` where it is not one: a hyper-parameter is missing, say.
 */
export function readReference(file: Uint8Array): Reference {
  const reference = decodeSafetensors(file);
  const tensorOf = (name: string) => {
    const tensor = reference.tensors.get(name);
    if (!tensor) throw new AppError("invalid_checkpoint", `Expected the reference run to hold the tensor "${name}".`);
    return tensor.data;
  };
  return {
    run: hyperparameters(reference),
    of(name) {
      const data = tensorOf(name);
      return data instanceof Float32Array ? data : Float32Array.from(data, Number);
    },
    permutation: (name) => tensorOf(name) as BigInt64Array,
  };
}

function hyperparameters({ metadata }: TensorFile): ReferenceRun {
  let problem: string;
  try {
    const given: unknown = JSON.parse(metadata.run ?? "{}");
    const isV3 = isJsonObject(given) && given.method === "moco-v3";
    const parsed = (isV3 ? v3Schema : mocoSchema).safeParse(given);
    if (parsed.success) return parsed.data;
    problem = parsed.error.issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`).join("; ");
  } catch (error) {
    problem = `${error}`;
  }
  throw new AppError(
    "invalid_checkpoint",
    `Expected the hyper-parameters of a run in the file's metadata: ${problem}.`,
  );
}

/** The encoder of a run with its projection head. */
export function encoderOf(run: ReferenceRun): Encoder {
  const architecture: Architecture =
    run.block === "vit"
      ? {
          block: "vit",
          widths: [run.width],
          depths: [run.depth],
          heads: run.heads,
          patch: run.patch,
          hidden: run.hidden,
          layerScale: false,
          positions: "sin-cos",
          frozenPatches: run.frozen_patches,
        }
      : {
          block: run.block,
          widths: run.widths,
          depths: run.widths.map(() => 1),
          stem: { width: run.widths[0]!, kernel: 3, stride: 1, maxPool: false },
          expansion: 2,
          groups: run.groups,
        };
  const head: HeadConfig =
    run.method === "moco"
      ? { head: run.head, dim: run.dim }
      : { head: "mlp-bn", headLayers: run.head_layers, headWidth: run.head_hidden, dim: run.dim };
  return (x, scope) => projectionHead(backbone(x, scope, architecture), scope, head);
}

/** The optimiser of a run. */
export function optimizerOf(run: ReferenceRun): Optimizer {
  const { momentum, weight_decay: weightDecay, trust } = run;
  if (run.optimizer === "adamw") return adamw({ betas: run.betas, epsilon: run.eps, weightDecay });
  return run.optimizer === "lars" ? lars({ momentum, weightDecay, trust }) : sgd({ momentum, weightDecay });
}
