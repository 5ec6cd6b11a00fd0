// Every random number of a run comes from one of these streams of its seed, so a step draws the same numbers whether
// the run was resumed or not, and no two streams are the same.
import { createRandom, type Random } from "./random.ts";

/** `count` streams of the seed from `first` on. */
interface Streams {
  readonly first: number;
  readonly count: number;
}

/** The table of random streams: what each of the 2³² streams of a seed is used for. */
export const STREAMS = {
  /** Views of step t and the shuffle of its keys. */
  step: { first: 0, count: 2 ** 30 },
  /** Negatives that step t draws from a memory bank. */
  bankSample: { first: 2 ** 30, count: 2 ** 30 },
  /** Order of the images in epoch e. */
  epoch: { first: 2 ** 31, count: 2 ** 31 - 2 ** 8 },
  /** Network n of a comparison of design spaces: its stages, blocks and widths. */
  design: { first: 2 ** 32 - 2 ** 8, count: 2 ** 8 - 4 },
  /** The contact sheet of views: which images, and their views. */
  viewsSheet: { first: 2 ** 32 - 3, count: 1 },
  /** The sample that is measured during a run: which images, and (from the start of the stream again) their views. */
  sample: { first: 2 ** 32 - 2, count: 1 },
  /** Initial weights, then the noise in the queue; also the untrained baseline of an evaluation and a linear probe. */
  initialValues: { first: 2 ** 32 - 1, count: 1 },
} as const satisfies Record<string, Streams>;

/**
 * The generator for a use.
 *
 * @param seed Seed of the run, an integer in 0..2³²−1.
 * @param n Number of the step or epoch, if the use has one stream for each. @default 0
 * @throws RangeError where the use has no such stream.
 */
export function randomStream(seed: number, use: keyof typeof STREAMS, n = 0): Random {
  const { first, count } = STREAMS[use];
  if (!(n >= 0 && n < count)) throw new RangeError(`Expected a number in 0..${count - 1} of ${use} but received ${n}`);
  return createRandom(seed, first + n);
}
