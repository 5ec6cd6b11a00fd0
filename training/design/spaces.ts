// Design spaces (Radosavovic et al., "Designing Network Design Spaces", arXiv 2003.13678): sets of networks that are
// judged as sets. They hold residual networks of all sizes; what they are compared at is one size, an equal time of a
// step.
import type { Random } from "../data/random.ts";
import type { ResNetConfig, Stem } from "../network/resnet.ts";

/** What the networks of a space have in common. */
export interface DesignSpace {
  /** In words, for people. */
  readonly description: string;
  /** Fewest and most stages. */
  readonly stages: readonly [fewest: number, most: number];
  /** Most blocks of a stage; the fewest is 1. */
  readonly blocks: number;
  /** No stage is narrower than the one before it. */
  readonly grows: boolean;
}

/** Names of the spaces, the widest first. */
export const DESIGN_SPACES = ["free", "growing", "shallow", "two-stages", "three-stages", "four-stages"] as const;

/** One of {@link DESIGN_SPACES}. */
export type DesignSpaceName = (typeof DESIGN_SPACES)[number];

/** One block in each stage, and no stage narrower than the one before it. */
const shallow = (description: string, fewest: number, most: number): DesignSpace => ({
  description,
  stages: [fewest, most],
  blocks: 1,
  grows: true,
});

/** The spaces by name. */
export const SPACES: Readonly<Record<DesignSpaceName, DesignSpace>> = {
  free: { description: "2 to 4 stages of 1 or 2 blocks, of any widths", stages: [2, 4], blocks: 2, grows: false },
  growing: {
    description: "2 to 4 stages of 1 or 2 blocks, none narrower than the one before",
    ...{ stages: [2, 4], blocks: 2, grows: true },
  },
  shallow: shallow("2 to 4 growing stages of 1 block", 2, 4),
  "two-stages": shallow("2 growing stages of 1 block", 2, 2),
  "three-stages": shallow("3 growing stages of 1 block", 3, 3),
  "four-stages": shallow("4 growing stages of 1 block", 4, 4),
};

/** A network but for its size: the widths of its stages relative to each other. */
export interface Proportions {
  readonly widths: readonly number[];
  readonly depths: readonly number[];
}

/** Widest stage ÷ narrowest, at most. */
const SPREAD = 16;

/** A random network of a space: each number of stages and blocks is as likely as the others, widths are log-uniform. */
export function sampleNetwork({ stages: [fewest, most], blocks, grows }: DesignSpace, random: Random): Proportions {
  const stages = fewest + random.integer(most - fewest + 1);
  const widths = Array.from({ length: stages }, () => SPREAD ** random.uniform());
  if (grows) widths.sort((a, b) => a - b);
  return { widths, depths: Array.from({ length: stages }, () => 1 + random.integer(blocks)) };
}

/** Widths are multiples of it, which kernels are written for. */
const STEP = 8;

/** The network of these proportions whose widths are `scale` times theirs; the first layer is as wide as the first stage. */
export function networkOf({ widths, depths }: Proportions, scale: number, stem: Omit<Stem, "width">): ResNetConfig {
  const scaled = widths.map((width) => STEP * Math.max(1, Math.round((width * scale) / STEP)));
  return { block: "basic", widths: scaled, depths, stem: { ...stem, width: scaled[0]! } };
}
