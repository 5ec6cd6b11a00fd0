// A supervised training step: the encoder of a run with a linear classifier instead of a projection.
import type { TrainingConfig } from "../../training/config/schema.ts";
import type { StoredTensor } from "../../training/data/safetensors.ts";
import { randomStream } from "../../training/data/streams.ts";
import { compileStateful } from "../../training/graph/engine/stateful.ts";
import { chosenForms, fastestForms } from "../../training/graph/engine/tune.ts";
import {
  argMax,
  cast,
  crossEntropy,
  equal,
  type FormChooser,
  input,
  reduceMean,
  sizeOf,
  type Values,
} from "../../training/graph/index.ts";
import { named, thetaInputs, thetaScope } from "../../training/moco/encode.ts";
import { learn } from "../../training/moco/update.ts";
import { backbone } from "../../training/network/backbone.ts";
import { isHead, projectionHead } from "../../training/network/heads.ts";
import { initialValues } from "../../training/network/initialise.ts";
import { type Scope, tensorSpecs } from "../../training/network/scope.ts";
import { optimizerOf } from "../../training/optimize/optimizer.ts";
import { viewsOf } from "../../training/views/graph.ts";
import { IMAGENET_NORMALISATION } from "../../training/views/preprocessing.ts";
import { pairViews } from "../../training/views/recipe.ts";

/** A compiled step. */
export interface SupervisedStep {
  /** One step on a batch; `labels` are numbers of classes, `rate` the learning rate. `accuracy`: share of 1. */
  run(feeds: Values, batch: { labels: readonly number[]; rate: number }): Promise<{ loss: number; accuracy: number }>;
  /** The encoder's tensors as they are now, without the classifier. */
  encoder(): Promise<ReadonlyMap<string, StoredTensor>>;
  release(): Promise<void>;
}

/** Compiles the step for C classes. It takes the batches of a run, of which it uses the query. */
export async function compileSupervised(
  config: TrainingConfig,
  C: number,
  { threads, file }: { threads: number; file?: string },
): Promise<SupervisedStep> {
  const B = config.batch;
  const build = (chooser?: FormChooser) => supervisedGraph(config, C, chooser);
  const { outputs, next, gradients, specs } = build(chosenForms(await fastestForms(build, { file, threads })));
  const random = randomStream(config.seed, "initialValues");
  const initial = new Map<string, Float32Array>();
  for (const [name, { shape }] of next) initial.set(name, new Float32Array(sizeOf(shape)));
  for (const spec of specs) initial.set(`q.${spec.name}`, initialValues(spec, random));
  const graph = await compileStateful(outputs, { next, gradients }, initial, { threads });
  let step = 0;
  return {
    async run(feeds, { labels, rate }) {
      const oneHot = new Float32Array(B * C);
      labels.forEach((label, n) => {
        oneHot[n * C + label] = 1;
      });
      const schedule = { learningRate: Float32Array.of(rate), step: Float32Array.of(++step) };
      const { loss, accuracy } = await graph.step({
        ...feeds,
        ...schedule,
        oneHot,
        classes: Float32Array.from(labels),
      });
      return { loss: loss![0]!, accuracy: accuracy![0]! };
    },
    async encoder() {
      const state = await graph.state();
      const kept = specs.filter(({ name }) => !isHead(name));
      return new Map(kept.map(({ name, shape }) => [name, { shape, data: state.get(`q.${name}`)! }]));
    },
    release: () => graph.release(),
  };
}

function supervisedGraph(config: TrainingConfig, C: number, chooser?: FormChooser) {
  const { batch: B, storedSize: S0, bnGroups } = config;
  const images = input("images", [B, S0, S0, 3], "uint8");
  const [view] = pairViews(config);
  const { query } = viewsOf(images, [view], config.normalisation ?? IMAGENET_NORMALISATION); // [B, 3, S, S]
  const classify = (scope: Scope) =>
    projectionHead(backbone(query, scope, config.architecture), scope, { head: "linear", dim: C }); // [B, C]
  const specs = tensorSpecs(classify);
  const theta = thetaInputs(specs, "q");
  const scope = thetaScope(theta, { bnGroups, chooser });
  const logits = classify(scope);
  const loss = crossEntropy(logits, input("oneHot", [B, C]));
  const accuracy = reduceMean(equal(cast(argMax(logits, 1), "float32"), input("classes", [B])));
  const { next, gradients } = learn(loss, theta, optimizerOf(config));
  return { outputs: { loss, accuracy }, next: new Map([...next, ...named("q", scope.updated)]), gradients, specs };
}
