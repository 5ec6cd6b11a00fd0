// Every random number of a run follows from its seed by one of these streams, so that a step draws the same whether the run
// was resumed or not, and no two uses draw the same numbers.
import { createRandom, type Random } from "./random.ts";

/** A use's streams of the seed: `first`, and as many after it as it counts. */
interface Streams {
  readonly first: number;
  readonly count: number;
}

/** The one table of random streams: who draws from which of the 2³² streams of a seed. */
export const STREAMS = {
  /** Views of step t and the shuffle of its keys. */
  step: { first: 0, count: 2 ** 30 },
  /** Negatives that step t draws from a memory bank. */
  bankSample: { first: 2 ** 30, count: 2 ** 30 },
  /** Order of the images in epoch e. */
  epoch: { first: 2 ** 31, count: 2 ** 31 - 2 ** 8 },
  /** Images and views of the report's contact sheet. */
  viewsSheet: { first: 2 ** 32 - 3, count: 1 },
  /** The sample that is measured while a run goes on, and its views. */
  sample: { first: 2 ** 32 - 2, count: 1 },
  /** Initial weights, then the noise in the queue. The untrained baseline of an evaluation and a linear probe begin here too. */
  initialValues: { first: 2 ** 32 - 1, count: 1 },
} as const satisfies Record<string, Streams>;

/**
 * The generator of a use.
 *
 * @param seed Of the run, integer in 0..2³²−1.
 * @param n Number of the step or epoch, where the use has one stream for each. @default 0
 * @throws RangeError where the use has no stream of that number.
 */
export function randomStream(seed: number, use: keyof typeof STREAMS, n = 0): Random {
  const { first, count } = STREAMS[use];
  if (!(n >= 0 && n < count)) throw new RangeError(`Expected a number in 0..${count - 1} of ${use} but received ${n}`);
  return createRandom(seed, first + n);
}
