// Networks of equal cost: widths are scaled until a step takes as long as that of a reference. RegNet holds counted
// multiplications equal (arXiv 2003.13678, section 3); on a processor, narrow networks take far longer than those say.
import type { TrainingConfig } from "../config/schema.ts";
import type { ResNetConfig, Stem } from "../network/resnet.ts";
import { networkOf, type Proportions } from "./spaces.ts";
import { bestSeconds, type TimedStep, timedStep } from "./step-time.ts";

/** How far a step may be from the reference, as a share of it. */
const TOLERANCE = 0.15;
/** Scales that are tried before a network is given up, such as one whose narrowest form is too slow. */
const TRIES = 6;
/** Steps that are timed of each, in turn. */
const ROUNDS = 5;
/** Where the search begins: the narrowest stage has about so many channels. */
const FIRST_SCALE = 16;
/** The time of a step grows with less than the square of the widths. */
const EXPONENT = 1 / 1.4;

/** What networks are fitted to. */
export interface Reference {
  /** All but the network is taken from it. */
  readonly config: TrainingConfig;
  readonly stem: Omit<Stem, "width">;
  /** How steps are compiled. */
  readonly engine: Parameters<typeof timedStep>[1];
}

/** A network as wide as the reference's time of a step allows. */
export interface Fitted {
  readonly architecture: ResNetConfig;
  /** Its step ÷ the reference's. */
  readonly time: number;
}

/** The first of some networks that can be as fast as the reference, so scaled; undefined where none of them can. */
export async function fitFirst(networks: Iterable<Proportions>, reference: Reference): Promise<Fitted | undefined> {
  const step = await timedStep(reference.config, reference.engine);
  try {
    for (const proportions of networks) {
      const fitted = await fitWidths(proportions, step, reference);
      if (fitted) return fitted;
    }
    return undefined;
  } finally {
    await step.release();
  }
}

async function fitWidths(proportions: Proportions, reference: TimedStep, { config, stem, engine }: Reference) {
  let scale = FIRST_SCALE;
  const tried = new Set<string>();
  for (let n = 0; n < TRIES; n++) {
    const architecture = networkOf(proportions, scale, stem);
    if (tried.has(architecture.widths.join())) return undefined;
    tried.add(architecture.widths.join());
    const step = await timedStep({ ...config, architecture }, engine);
    const [seconds, referenceSeconds] = await bestSeconds([step, reference], ROUNDS);
    await step.release();
    const time = seconds! / referenceSeconds!;
    if (Math.abs(time - 1) <= TOLERANCE) return { architecture, time };
    scale *= time ** -EXPONENT;
  }
  return undefined;
}
