// The step of a run: views computed from stored images, then the mechanism that the configuration names.
import type { TrainingConfig } from "../config/schema.ts";
import { concat, type FormChooser, type GradientOptions, input, reshape, sizeOf, type Tensor } from "../graph/index.ts";
import { backbone } from "../network/backbone.ts";
import { predict, projectionHead } from "../network/heads.ts";
import { optimizerOf } from "../optimize/optimizer.ts";
import { viewsOf } from "../views/graph.ts";
import { IMAGENET_NORMALISATION } from "../views/preprocessing.ts";
import { runViews } from "../views/recipe.ts";
import { distillationStep } from "./distillation.ts";
import type { Encoder } from "./encode.ts";
import { endToEndStep } from "./end-to-end.ts";
import { memoryBankStep } from "./memory-bank.ts";
import { withPairAverages } from "./pairs.ts";
import { type MocoStep, mocoStep } from "./step.ts";
import { mocoV3Step, type Predictor } from "./v3.ts";

/**
 * The step on stored images: besides the inputs of its mechanism it takes `images`, uint8 [B, S₀, S₀, 3], the matrices
 * of the views (`drawViews`), and where it changes `keyMomentum` [].
 *
 * @param chooser Chooses the forms of convolutions and their gradients. @default the first form of each
 */
export function trainingStep(
  config: TrainingConfig,
  chooser?: FormChooser,
  { recompute = false }: GradientOptions = {},
): MocoStep {
  const { batch: B, storedSize, queue: K, temperature: T } = config;
  const m = config.keyMomentumSchedule === "cosine" ? input("keyMomentum", []) : config.keyMomentum;
  const { dim, bnGroups, shuffle, queuePrecision } = config;
  const images = input("images", [B, storedSize, storedSize, 3], "uint8");
  const { pairs = false } = config.smallQueries ?? {};
  const f: Encoder = (x, scope) => {
    const features = backbone(x, scope, config.architecture);
    return projectionHead(pairs ? withPairAverages(features, B) : features, scope, config);
  };
  const { key, ...queries } = viewsOf(images, runViews(config), config.normalisation ?? IMAGENET_NORMALISATION);
  const xk = key!; // [B, 3, S, S]
  const xq = interleaved(Object.values(queries)); // [V·B, 3, s, s]
  const stepConfig = { B, K, m, T, dim, bnGroups, shuffle, queuePrecision, recompute };
  const optimizer = optimizerOf(config);
  switch (config.mechanism) {
    case "moco":
      return mocoStep(f, xq, xk, stepConfig, optimizer, chooser);
    case "memory-bank":
      return memoryBankStep(f, xq, stepConfig, optimizer, chooser);
    case "end-to-end":
      return endToEndStep(f, xq, xk, stepConfig, optimizer, chooser);
    case "moco-v3": {
      const predictor: Predictor = (projections, scope) => predict(projections, scope, config.predictor!);
      return mocoV3Step(f, predictor, xq, xk, stepConfig, optimizer, chooser);
    }
    case "distillation":
      return distillationStep(f, xq, { ...stepConfig, teacherT: config.teacher!.temperature }, optimizer, chooser);
  }
}

/** V tensors [B, …] as one [V·B, …]: the V views of an image one after another, then those of the next. */
function interleaved(views: readonly Tensor[]): Tensor {
  if (views.length === 1) return views[0]!;
  const [B, ...rest] = views[0]!.shape as [number, ...number[]];
  const columns = views.map((x) => reshape(x, [B, 1, sizeOf(rest)]));
  return reshape(concat(columns, 1), [views.length * B, ...rest]);
}
