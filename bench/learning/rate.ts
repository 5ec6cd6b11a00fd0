// How fast variants train on a core that other programs use too.
import { recipeOf } from "../../training/config/recipes.ts";
import type { TrainingConfig } from "../../training/config/schema.ts";
import { type Settings, settle } from "../../training/config/settle.ts";
import { bestSeconds, timedStep } from "../../training/design/step-time.ts";
import { tuningFile } from "../../training/graph/engine/tune.ts";
import { FIRST } from "./variants.ts";

/** Steps of each variant, after one that is not timed. */
const ROUNDS = 12;

/** Settings on top of the recipe `moco-cifar`. */
export const variantSettings = (variant: Settings, seed: number): Settings => ({ ...FIRST, ...variant, seed });

/** The configuration of a variant. */
export function variantConfig(variant: Settings, seed: number): TrainingConfig {
  const circumstances = { images: 40_000, side: 32, device: "cpu", memory: 2 ** 33 };
  return settle(recipeOf("moco-cifar", circumstances), variantSettings(variant, seed)).config;
}

/** Images a second of each configuration on one thread, the best step of each. */
export async function bestRates(configs: readonly TrainingConfig[]): Promise<number[]> {
  const engine = { threads: 1, tuningFile: tuningFile() };
  const steps = await Promise.all(configs.map((config) => timedStep(config, engine)));
  const seconds = await bestSeconds(steps, ROUNDS);
  await Promise.all(steps.map((step) => step.release()));
  return configs.map(({ batch }, i) => batch / seconds[i]!);
}
