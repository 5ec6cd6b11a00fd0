// Design spaces of networks compared on any collection, by RegNet's method (arXiv 2003.13678): networks are sampled
// from each, made equally expensive, trained for a few minutes, and the spaces compared by what all of theirs reach.
import { AppError } from "../../core/errors.ts";
import { type Measured, type ShortRunOptions, shortRun } from "../ablate/short-run.ts";
import type { TrainingConfig } from "../config/schema.ts";
import { openResults, type Results } from "../data/results.ts";
import { randomStream } from "../data/streams.ts";
import { providersOf } from "../graph/engine/device.ts";
import { prepare } from "../run/prepare.ts";
import { type Fitted, fitFirst, type Reference } from "./equal-time.ts";
import { DESIGN_SPACES, type DesignSpaceName, SPACES, sampleNetwork } from "./spaces.ts";
import { bestSeconds, timedStep } from "./step-time.ts";

/** Options of {@link design}. */
export interface DesignOptions extends Omit<ShortRunOptions, "budget" | "init" | "teacher"> {
  readonly spaces: readonly DesignSpaceName[];
  /** Networks of each space, 1 to 40. */
  readonly samples: number;
  /** How long the reference trains; every network does as many steps as it would. */
  readonly minutes: number;
  /** Folder for what is known of each network: one that has a file is not trained again. */
  readonly folder: string;
  /** Called before each network is trained, or taken from its file. */
  readonly onRun?: (network: Fitted & Sample, number: number, of: number) => void;
}

/** Number of a network in its space, from 1 on. */
interface Sample {
  readonly space: DesignSpaceName;
  readonly number: number;
}

/** A network that was trained. */
export interface DesignOutcome extends Sample, Fitted, Measured {
  readonly steps: number;
}

/** What all networks of a folder have in common. */
interface Study {
  /** Configuration of the reference, whose step sets how long those of the others take. */
  readonly config: TrainingConfig;
  readonly minutes: number;
  readonly steps: number;
}

/** Most networks of a space: each has a random stream of its own. */
export const MOST_SAMPLES = 40;
/** Networks that are drawn for one that can be as fast as the reference. */
const DRAWS = 20;
/** Steps of the reference that are timed, to know how many a minute has. */
const ROUNDS = 10;

/**
 * Trains `samples` networks of each space and measures them without labels, and with kNN where folders are labels.
 * The reference is the network that a training with these options would have.
 *
 * @returns The outcomes; fewer where the signal stopped it.
 * @throws AppError as a training does; `invalid_configuration` where negatives come from elsewhere than a queue, or the
 *   folder holds networks that were trained otherwise.
 */
export async function design({
  spaces,
  samples,
  minutes,
  folder,
  onRun,
  ...options
}: DesignOptions): Promise<DesignOutcome[]> {
  const { config, dataset } = await prepare(options);
  await dataset.close();
  if (config.mechanism !== "moco" || config.architecture.block === "vit") {
    throw new AppError(
      "invalid_configuration",
      `Expected the mechanism moco and a convolutional network but received ${config.mechanism} and ${config.architecture.block}. Design spaces are of residual networks, trained with a queue.`,
    );
  }
  const { device = "cpu", threads, tuningFile, signal } = options;
  const engine = { providers: providersOf(device), ...(threads && { threads }), tuningFile };
  const { width: _, ...stem } = config.architecture.stem;
  const reference: Reference = { config, stem, engine };
  const results = await openResults(folder);
  const { steps } = await openStudy(results, { config, minutes }, reference);
  const outcomes: DesignOutcome[] = [];
  const all = Array.from({ length: samples }, (_, i) => spaces.map((space) => ({ space, number: i + 1 }))).flat();
  for (const [i, sample] of all.entries()) {
    if (signal?.aborted) break;
    const name = `${sample.space}-${sample.number}`;
    const known = await results.read<DesignOutcome>(name);
    const fitted = known ?? (await drawNetwork(sample, reference));
    onRun?.({ ...fitted, ...sample }, i + 1, all.length);
    const measured =
      known ?? (await shortRun({ ...options, budget: { steps } }, { architecture: fitted.architecture }));
    if (!measured) break; // stopped by the signal
    const outcome = { ...sample, ...fitted, steps, ...measured };
    if (!known) await results.write(name, outcome);
    outcomes.push(outcome);
  }
  return outcomes;
}

/** The study of a folder: the one that began there, or a new one. */
async function openStudy(
  results: Results,
  wanted: Omit<Study, "steps">,
  { config, engine }: Reference,
): Promise<Study> {
  const begun = await results.read<Study>("study");
  if (begun) {
    const { steps, ...settings } = begun;
    if (JSON.stringify(settings) === JSON.stringify(wanted)) return begun;
    throw new AppError(
      "invalid_configuration",
      `Expected networks that were trained for ${wanted.minutes} minutes with these settings but the folder was begun with ${settings.minutes} minutes or other settings: see its study.json. Choose another folder, or the settings of then.`,
    );
  }
  const step = await timedStep(config, engine);
  const [seconds] = await bestSeconds([step], ROUNDS);
  await step.release();
  const study = { ...wanted, steps: Math.max(1, Math.round((60 * wanted.minutes) / seconds!)) };
  await results.write("study", study);
  return study;
}

/** The first network of a sample's stream that can be as fast as the reference. */
async function drawNetwork({ space, number }: Sample, reference: Reference): Promise<Fitted> {
  const stream = DESIGN_SPACES.indexOf(space) * MOST_SAMPLES + number - 1;
  const random = randomStream(reference.config.seed, "design", stream);
  const networks = Array.from({ length: DRAWS }, () => sampleNetwork(SPACES[space], random));
  const fitted = await fitFirst(networks, reference);
  if (fitted) return fitted;
  throw new AppError(
    "invalid_configuration",
    `Expected networks of ${space} whose step takes as long as that of ${reference.config.architecture.widths} but ${DRAWS} of them cannot. Choose a larger --architecture to compare with.`,
  );
}
