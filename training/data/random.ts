// A small seeded random number generator whose state can be saved: xoshiro128** 1.1 (Blackman and Vigna,
// https://prng.di.unimi.it), seeded by splitmix32.

/** The state of a generator: four unsigned 32-bit integers, not all zero. Plain JSON. */
export type RandomState = readonly [number, number, number, number];

/** A seeded generator of random numbers. */
export interface Random {
  /** An integer in 0..2³²−1. */
  uint32(): number;
  /** A number in [from, to), in steps of (to − from)/2³². Default: [0, 1). */
  uniform(from?: number, to?: number): number;
  /** An integer in 0..n−1, each as likely as any other; n in 1..2³². */
  integer(n: number): number;
  /** A number from the normal distribution with mean 0 and standard deviation 1. */
  normal(): number;
  /** The numbers 0..n−1 in random order (Fisher-Yates shuffle). */
  permutation(n: number): Uint32Array<ArrayBuffer>;
  /** What {@link restoreRandom} continues from. */
  state(): RandomState;
}

/**
 * A generator for `seed`; another `stream` of the same seed is independent of it.
 *
 * @param seed Integer in 0..2³²−1.
 * @param stream Integer in 0..2³²−1. @default 0
 */
export function createRandom(seed: number, stream = 0): Random {
  for (const value of [seed, stream]) {
    if (value !== value >>> 0) throw new RangeError(`Expected a seed of 0 to 4294967295 but received ${value}`);
  }
  const mixed = splitmix32(splitmix32(seed)() ^ stream);
  return restoreRandom([mixed(), mixed(), mixed(), mixed()]);
}

/** The generator that continues from `state`. */
export function restoreRandom(state: RandomState): Random {
  if (!state.every((word) => word === word >>> 0) || !state.some((word) => word > 0)) {
    throw new RangeError(`Expected four unsigned 32-bit integers, not all 0, but received ${state.join(", ")}`);
  }
  let [s0, s1, s2, s3] = state;

  const uint32 = () => {
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const shifted = s1 << 9;
    s2 ^= s0;
    s3 ^= s1;
    s1 ^= s2;
    s0 ^= s3;
    s2 ^= shifted;
    s3 = rotateLeft(s3, 11);
    return result;
  };

  const integer = (n: number) => {
    const limit = 2 ** 32 - (2 ** 32 % n); // values from here on would make small remainders more likely
    let value = uint32();
    while (value >= limit) value = uint32();
    return value % n;
  };

  return {
    uint32,
    uniform: (from = 0, to = 1) => from + uint32() * 2 ** -32 * (to - from),
    integer,
    // Box-Muller transform. The second number of the pair is dropped, so that the state stays four words.
    normal: () => Math.sqrt(-2 * Math.log((uint32() + 1) * 2 ** -32)) * Math.cos(2 * Math.PI * uint32() * 2 ** -32),
    permutation(n) {
      const order = Uint32Array.from({ length: n }, (_, i) => i);
      for (let i = n - 1; i > 0; i--) {
        const j = integer(i + 1);
        const swapped = order[i]!;
        order[i] = order[j]!;
        order[j] = swapped;
      }
      return order;
    },
    state: () => [s0 >>> 0, s1 >>> 0, s2 >>> 0, s3 >>> 0],
  };
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function splitmix32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let z = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  };
}
