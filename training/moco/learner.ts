// MoCo on anything: whoever has an encoder and two views of each item gets the step with its state and its queue.
import { compileStateful } from "../graph/engine/stateful.ts";
import { type CompileOptions, compile, constant, input, type Shape } from "../graph/index.ts";
import { evaluationScope, once } from "../network/scope.ts";
import type { Optimizer } from "../optimize/optimizer.ts";
import { newRunState } from "./begin.ts";
import type { Encoder } from "./encode.ts";
import { negativeQueue } from "./queue.ts";
import { type MocoConfig, mocoStep } from "./step.ts";

/** Options of {@link createLearner}. */
export interface LearnerOptions extends CompileOptions, Omit<MocoConfig, "m" | "bnGroups" | "shuffle"> {
  /** Momentum of the key encoder. @example 0.99 */
  readonly m: number;
  readonly optimizer: Optimizer;
  /** Of the weights and the noise in the queue. @default 1 */
  readonly seed?: number;
}

/** A pair of encoders that learns, and the queue. */
export interface Learner {
  /**
   * One step of Algorithm 1 on two views of the same B items, [B, …item] each, row by row.
   *
   * @returns The loss, and the share of queries nearer to their key than to every other, 0..1.
   */
  step(xq: Float32Array, xk: Float32Array, learningRate: number): Promise<{ loss: number; accuracy: number }>;
  /**
   * Compiles `part`, f or what f begins with, with the weights that f_q has now.
   *
   * @param items How many items the compiled encoder takes at once, N.
   * @returns x [N, …item] → what `part` gives; batch norm uses its running statistics.
   */
  encoder(part: Encoder, items: number): Promise<(x: Float32Array) => Promise<Float32Array>>;
  release(): Promise<void>;
}

/**
 * Compiles MoCo's step for the encoder `f` on items of the shape `item`. Keys are not shuffled: batch norm in `f`
 * normalises each view as one group.
 */
export async function createLearner(f: Encoder, item: Shape, options: LearnerOptions): Promise<Learner> {
  const { optimizer, seed = 1, B, K, m, T, dim, queuePrecision, recompute = false, ...engine } = options;
  const view = (name: string) => input(name, [B, ...item]);
  const config = { B, K, m, T, dim, bnGroups: 1, recompute, ...(queuePrecision && { queuePrecision }) };
  const step = mocoStep(f, view("xq"), view("xk"), config, optimizer);
  const { tensors, keys } = newRunState(step, { seed, ...config }, K);
  const queue = negativeQueue(keys, dim);
  const { loss, accuracy, keys: newKeys } = step.outputs;
  const graph = await compileStateful({ loss, accuracy, keys: newKeys }, step, tensors, engine);
  const releases = [() => graph.release()];
  let steps = 0;
  return {
    async step(xq, xk, learningRate) {
      const scalars = { learningRate: Float32Array.of(learningRate), step: Float32Array.of(++steps) };
      const out = await graph.step({ xq, xk, queue: queue.keys, ...scalars });
      queue.enqueue(out.keys!);
      return { loss: out.loss![0]!, accuracy: out.accuracy![0]! };
    },
    async encoder(part, items) {
      const weights = await graph.state();
      const scope = evaluationScope(once(({ name, shape }) => constant(weights.get(`q.${name}`)!.slice(), shape)));
      const compiled = await compile({ y: part(input("x", [items, ...item]), scope) }, engine);
      releases.push(() => compiled.release());
      return async (x) => (await compiled.run({ x })).y as Float32Array;
    },
    async release() {
      for (const release of releases.splice(0)) await release();
    },
  };
}
