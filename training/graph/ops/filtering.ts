// Filtering along one axis by few multiplications (Winograd's minimal filtering; Lavin and Gray, arXiv 1509.09308):
// y = Aᵀ[(G w) ⊙ (Bᵀ x)], which takes as many multiplications as there are points. All matrices are small and known.

/** Rows of numbers. */
export type Matrix = readonly (readonly number[])[];

/** How a tile of outputs is computed from the values that its taps reach. */
interface Algorithm {
  readonly stride: number;
  /** Bᵀ [points, values]: the values at every point. */
  readonly input: Matrix;
  /** G [points, taps]: the taps at every point. */
  readonly taps: Matrix;
  /** Aᵀ [outputs of a tile, points]. */
  readonly output: Matrix;
}

/** An algorithm for all tiles along one axis of an image. */
export interface Filtering {
  /** Multiplications of a tile. */
  readonly points: number;
  readonly tiles: number;
  /** G [points, taps]. */
  readonly taps: Matrix;
  /** Bᵀ of all tiles, padding included: [points · tiles, size of the input]. */
  readonly input: Matrix;
  /** A of all tiles: [points · tiles, size of the output]. */
  readonly output: Matrix;
}

/** What is filtered: zeros are on both sides of the input. */
export interface Axis {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/** The filtering along an axis, or undefined where there is no algorithm for its kernel and stride. */
export function filtering(axis: Axis): Filtering | undefined {
  const { size, kernel, stride, padding } = axis;
  const algorithm = algorithmFor(axis);
  if (!algorithm || padding >= kernel) return undefined;
  const { input, taps, output } = algorithm;
  const outputs = Math.floor((size + 2 * padding - kernel) / stride) + 1;
  const tile = output.length;
  const tiles = Math.ceil(outputs / tile);
  const everyTile = (columns: number, value: (point: number, tile: number, at: number) => number | undefined) =>
    Array.from({ length: taps.length * tiles }, (_, row) =>
      Array.from({ length: columns }, (_, at) => value(Math.floor(row / tiles), row % tiles, at) ?? 0),
    );
  return {
    ...{ points: taps.length, tiles, taps },
    input: everyTile(size, (point, t, at) => input[point]![at + padding - stride * tile * t]),
    output: everyTile(outputs, (point, t, at) => output[at - tile * t]?.[point]),
  };
}

function algorithmFor({ size, kernel, stride, padding }: Axis): Algorithm | undefined {
  if (kernel === 1 && stride === 2) return EVERY_SECOND;
  if (kernel === 3 && stride === 2) return THREE_TAPS_STRIDE_2;
  if (kernel === 3 && stride === 1) return size === 2 && padding === 1 ? THREE_TAPS_ON_TWO : THREE_TAPS;
  return undefined;
}

/** One tap on every second value. */
const EVERY_SECOND: Algorithm = { stride: 2, input: [[1]], taps: [[1]], output: [[1]] };

/** Two values between zeros: 3 products where others take 4. */
const THREE_TAPS_ON_TWO: Algorithm = {
  stride: 1,
  input: [
    [0, 1, 1, 0],
    [0, 0, 1, 0],
    [0, 1, 0, 0],
  ],
  taps: [
    [0, 1, 0],
    [0, -1, 1],
    [1, -1, 0],
  ],
  output: [
    [1, 1, 0],
    [1, 0, 1],
  ],
};

/** The middle tap on two values, and the outer taps, which filter the values between, by 3 products: 5 for 6. */
const THREE_TAPS_STRIDE_2: Algorithm = {
  stride: 2,
  input: [
    [0, 1, 0, 0, 0],
    [0, 0, 0, 1, 0],
    [1, 0, -1, 0, 0],
    [0, 0, 1, 0, 0],
    [0, 0, 1, 0, -1],
  ],
  taps: [
    [0, 1, 0],
    [0, 1, 0],
    [1, 0, 0],
    [1, 0, 1],
    [0, 0, 1],
  ],
  output: [
    [1, 0, 1, 1, 0],
    [0, 1, 0, 1, -1],
  ],
};

/** Where polynomials are evaluated, besides at infinity: the set with the smallest rounding errors of several tried. */
const POINTS = [0, 1, -1, 0.5, -2];

/** Four outputs by 6 products for 12. */
const THREE_TAPS: Algorithm = toomCook(POINTS, 3);

/** Toom and Cook's construction: products of polynomials by their values at points. */
function toomCook(at: readonly number[], taps: number): Algorithm {
  const outputs = at.length + 2 - taps;
  const powers = (p: number, count: number) => Array.from({ length: count }, (_, i) => p ** i);
  const infinity = (count: number) => powers(0, count).reverse();
  const others = at.map((p) => at.filter((q) => q !== p));
  const scale = at.map((p, j) => others[j]!.reduce((product, q) => product * (p - q), 1));
  const columns = [...at.map((p) => powers(p, outputs)), infinity(outputs)];
  return {
    stride: 1,
    input: [...others.map((roots) => [...polynomial(roots), 0]), polynomial(at)],
    taps: [...at.map((p, j) => powers(p, taps).map((v) => v / scale[j]!)), infinity(taps)],
    output: Array.from({ length: outputs }, (_, i) => columns.map((column) => column[i]!)),
  };
}

/** Coefficients of Π (x − root), lowest power first. */
function polynomial(roots: readonly number[]): number[] {
  const times = (p: number[], root: number) =>
    Array.from({ length: p.length + 1 }, (_, i) => (p[i - 1] ?? 0) - root * (p[i] ?? 0));
  return roots.reduce(times, [1]);
}
