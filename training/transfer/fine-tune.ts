// Fine-tunes an encoder with a head that labels pixels, on random crops, under one fixed schedule.
import { AppError } from "../../core/errors.ts";
import { mean } from "../../core/vector.ts";
import type { Random } from "../data/random.ts";
import { createSampler } from "../data/sampler.ts";
import { randomStream } from "../data/streams.ts";
import { compileStateful } from "../graph/engine/stateful.ts";
import { chosenForms, fastestForms } from "../graph/engine/tune.ts";
import type { CompileOptions, FormChooser, Values } from "../graph/index.ts";
import { learningRateAt } from "../optimize/schedule.ts";
import { drawCrops } from "./crops.ts";
import type { Scene } from "./scenes.ts";
import { pointsOf, type Segmenter, strideOf } from "./segmenter.ts";
import { fineTuningStep, initialState, type Start } from "./step.ts";

/** How long and how fast. */
export interface Schedule {
  /** Crops in a step, and their side in pixels. */
  readonly batch: number;
  readonly crop: number;
  readonly steps: number;
  /** × 0.1 after 70 % and after 90 % of the steps, as in the paper's appendix A.5. */
  readonly learningRate: number;
}

/** Options of {@link fineTune}. */
export interface FineTuneOptions extends Schedule, Pick<CompileOptions, "threads"> {
  readonly segmenter: Segmenter;
  /** Of the new tensors, the order of the scenes and the crops. */
  readonly seed: number;
  /** Caches which forms of convolutions are fastest here. @default none: those that are fastest on most machines */
  readonly tuningFile?: string;
  readonly signal?: AbortSignal;
  /** Called after each step. */
  readonly onStep?: (done: number, loss: number) => void;
}

/** A fine-tuned network. */
export interface FineTuned {
  /** Tensors by name, running statistics too. */
  readonly tensors: ReadonlyMap<string, Float32Array>;
  /** Mean loss of the last tenth of the steps. */
  readonly loss: number;
  readonly seconds: number;
}

/**
 * Fine-tunes all of the network, batch norm too: SGD, momentum 0.9, weight decay 0.0001.
 *
 * @returns undefined where `signal` stopped it.
 * @throws AppError `invalid_configuration` where the crop is no multiple of the network's stride; `invalid_dataset`
 *   where there are fewer scenes than a batch holds; `invalid_model` where the loss is no longer a number.
 */
export async function fineTune(
  scenes: readonly Scene[],
  start: Start,
  options: FineTuneOptions,
): Promise<FineTuned | undefined> {
  const { batch: B, crop, steps, seed, segmenter, signal, tuningFile: file, threads = 0 } = options;
  checkCrop(crop, strideOf(segmenter.architecture));
  const sampler = createSampler(scenes.length, { batchSize: B, seed });
  const build = (chooser?: FormChooser) => fineTuningStep(segmenter, start.config, options, chooser);
  const step = build(chosenForms(await fastestForms(build, { file, threads })));
  const graph = await compileStateful({ loss: step.loss }, step, initialState(step, start, seed), { threads });
  try {
    const began = performance.now();
    const losses: number[] = [];
    while (losses.length < steps && !signal?.aborted) {
      const done = losses.length;
      const random = randomStream(seed, "step", done);
      const batch = Array.from(sampler.next(), (n) => scenes[n]!);
      const schedule = { kind: "step", warmup: 0, milestones: [0.7, 0.9] } as const;
      const out = await graph.step({
        ...drawCrops(batch, crop, random),
        ...(segmenter.head === "points" && drawPoints(options, random)),
        learningRate: Float32Array.of(learningRateAt(done / steps, options.learningRate, schedule)),
        step: Float32Array.of(done + 1),
      });
      losses.push(out.loss![0]!);
      if (!Number.isFinite(losses.at(-1))) throw diverged(done + 1);
      options.onStep?.(done + 1, losses.at(-1)!);
      await new Promise(setImmediate); // lets signals in between two steps
    }
    if (signal?.aborted) return undefined;
    const state = await graph.state();
    return {
      tensors: new Map(step.specs.map(({ name }) => [name, state.get(`q.${name}`)!])),
      loss: mean(losses.slice(-Math.ceil(steps / 10))),
      seconds: (performance.now() - began) / 1000,
    };
  } finally {
    await graph.release();
  }
}

/** The points of a step, uniform over the crops. */
function drawPoints({ batch, crop }: Schedule, random: Random): Values {
  const { candidates, others } = pointsOf(crop);
  const drawn = (points: number) => Float32Array.from({ length: batch * points * 2 }, () => random.uniform());
  return { candidates: drawn(candidates), others: drawn(others) };
}

function checkCrop(crop: number, stride: number): void {
  if (crop % stride === 0) return;
  throw new AppError(
    "invalid_configuration",
    `Expected crops of a multiple of ${stride} pixels, the network's stride, but received ${crop}. Choose ${Math.ceil(crop / stride) * stride}.`,
  );
}

const diverged = (step: number) =>
  new AppError(
    "invalid_model",
    `The loss is no longer a number after step ${step}: the learning rate is too large. Try a third of it.`,
  );
