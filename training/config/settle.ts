// The configuration of a run: its recipe, changed by what the user set.
import { AppError } from "../../core/errors.ts";
import { isJsonObject } from "../../core/json.ts";
import { ARCHITECTURE_NAMES, type ArchitectureName, namedArchitecture } from "../network/backbone.ts";
import { powerOfTwo, type Recipe, type RecipeConfig } from "./recipes.ts";
import { parseTrainingConfig, type TrainingConfig } from "./schema.ts";

type DeepPartial<T> = T extends readonly unknown[]
  ? T
  : T extends object
    ? { readonly [K in keyof T]?: DeepPartial<T[K]> }
    : T;

/** Hyper-parameters that replace those of a recipe. The network may be given by its name. */
export type Settings = DeepPartial<Omit<TrainingConfig, "architecture">> & {
  readonly architecture?: ArchitectureName | TrainingConfig["architecture"];
};

/** Learning rate at batch 256, and weight decay, for an optimiser other than the recipe's. */
const OPTIMIZER_DEFAULTS = {
  sgd: { learningRate: 0.03, weightDecay: 1e-4 },
  adamw: { learningRate: 1e-3, weightDecay: 0.05 },
  lars: { learningRate: 0.3, weightDecay: 1.5e-6 },
} as const;

/** Settings that only some optimisers use, and which; the others refuse them. */
const BELONGS_TO: Readonly<Record<string, readonly string[]>> = {
  momentum: ["sgd", "lars"],
  decayVectors: ["sgd"],
  nesterov: ["sgd"],
  betas: ["adamw"],
  epsilon: ["adamw"],
  trust: ["lars"],
};

/**
 * The recipe with the user's settings. Settings that depend on others follow them unless they are set too: the learning
 * rate and the BN groups follow the batch, the stored size follows the view size, and batch and queue are made to fit.
 *
 * @throws AppError `invalid_configuration` that lists every problem.
 */
export function settle(
  { config: base, reasons }: Recipe,
  set: Settings,
): { config: TrainingConfig; reasons: string[] } {
  const followed: string[] = [];
  const optimizer = set.optimizer ?? base.optimizer;
  const batch = set.batch ?? fitBatch(base, set.queue);
  if (set.batch === undefined && batch !== base.batch) followed.push(`batch of ${batch}: what the queue holds`);
  if (batch !== base.batch && set.bnGroups === undefined) followed.push(`BN groups fitted to the batch of ${batch}`);
  if (batch !== base.batch && set.learningRate === undefined)
    followed.push(`learning rate in proportion to the batch of ${batch}`);
  const imageSize = set.imageSize ?? base.imageSize;
  const rates = optimizer === base.optimizer ? base : { ...OPTIMIZER_DEFAULTS[optimizer], batch: 256 };
  const fitted = {
    ...base,
    optimizer,
    imageSize,
    storedSize: Math.round((base.storedSize * imageSize) / base.imageSize),
    batch,
    queue: Math.max(base.queue, batch),
    bnGroups: fitGroups(batch, base.bnGroups),
    learningRate: (rates.learningRate * batch) / rates.batch,
    weightDecay: rates.weightDecay,
    schedule: scheduleFor(base.schedule, set.schedule?.kind),
  };
  const merged = merge(fitted, set) as Omit<RecipeConfig, "architecture"> & Pick<Settings, "architecture">;
  const unused = Object.keys(set).filter((key) => BELONGS_TO[key] && !BELONGS_TO[key].includes(optimizer));
  if (unused.length > 0) {
    throw new AppError(
      "invalid_configuration",
      `Expected settings of the optimiser ${optimizer} but ${unused.join(" and ")} belong${unused.length > 1 ? "" : "s"} to ${unused.map((key) => BELONGS_TO[key]!.join(" or ")).join(", ")}. Leave ${unused.length > 1 ? "them" : "it"} out or choose that optimiser.`,
    );
  }
  const config = parseTrainingConfig({ ...merged, architecture: resolveArchitecture(merged.architecture, merged) });
  const kept = Object.entries(reasons).flatMap(([about, reason]) => (about in set ? [] : [reason]));
  return { config, reasons: [...kept, ...followed] };
}

/**
 * The configuration of a resumed run: that of its checkpoint.
 *
 * @throws AppError `invalid_configuration` where a setting of the user differs from it.
 */
export function settleResumed(config: TrainingConfig, set: Settings): TrainingConfig {
  const architecture = resolveArchitecture(set.architecture ?? config.architecture, config);
  const wanted = { ...(merge(config, set) as object), architecture };
  const differing = differences(config, wanted);
  if (differing.length === 0) return config;
  throw new AppError(
    "invalid_configuration",
    `Expected the hyper-parameters of the run that is resumed but some differ:\n  ${differing.join("\n  ")}\nLeave them out, or start a new run with another --name or --run.`,
  );
}

/** The recipe's batch, or the largest power of two that fits a smaller queue of the user. */
const fitBatch = (base: RecipeConfig, queue: number | undefined) =>
  queue !== undefined && queue >= 2 ? Math.min(base.batch, powerOfTwo(queue)) : base.batch;

/** The largest number of groups up to `wanted` that divides the batch and leaves at least two images in each. */
function fitGroups(batch: number, wanted: number): number {
  for (let groups = wanted; groups > 1; groups--) if (batch % groups === 0 && batch / groups >= 2) return groups;
  return 1;
}

function scheduleFor(base: RecipeConfig["schedule"], kind: string | undefined): RecipeConfig["schedule"] {
  if (kind === undefined || kind === base.kind) return base;
  if (kind === "step") return { kind, warmup: base.warmup, milestones: [0.6, 0.8] };
  return { kind: kind as "cosine" | "linear", warmup: base.warmup }; // an unknown kind is refused by the schema
}

/** The network of a name, for these images; with MoCo v3, blocks of a ResNet begin as the identity, as its authors'. */
function resolveArchitecture(
  given: unknown,
  { imageSize, mechanism }: Pick<TrainingConfig, "imageSize" | "mechanism">,
): unknown {
  if (typeof given !== "string") return given;
  const name = ARCHITECTURE_NAMES.find((known) => known === given);
  if (name) {
    const architecture = namedArchitecture(name, imageSize);
    const isResNet = architecture.block === "basic" || architecture.block === "bottleneck";
    return mechanism === "moco-v3" && isResNet ? { ...architecture, zeroInitResidual: true } : architecture;
  }
  throw new AppError(
    "invalid_configuration",
    `Expected an architecture of ${ARCHITECTURE_NAMES.join(", ")} but received ${given}.`,
  );
}

/** Deep merge: `base` with what `over` sets. An architecture is replaced as a whole. */
export function merge(base: unknown, over: unknown): unknown {
  if (over === undefined) return base;
  if (!isJsonObject(base) || !isJsonObject(over)) return over;
  const merged: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    merged[key] = key === "architecture" ? (value ?? base[key]) : merge(base[key], value);
  }
  return merged;
}

function differences(a: unknown, b: unknown, path = ""): string[] {
  if (isJsonObject(a) && isJsonObject(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])];
    return keys.flatMap((key) => differences(a[key], b[key], path ? `${path}.${key}` : key));
  }
  const [was, wanted] = [JSON.stringify(a), JSON.stringify(b)];
  return was === wanted ? [] : [`${path}: ${was} in the run, ${wanted} given`];
}
