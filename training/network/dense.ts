// Features of an image beside those of its cells. Pooling and all that follows it are linear but for the lengths that
// features are divided by; those are numbers of the whole image, so each cell's share is known exactly.
import {
  add,
  concat,
  constant,
  div,
  globalAveragePool,
  l2Normalise,
  matmul,
  mul,
  reduceSum,
  reshapeItems,
  scalar,
  slice,
  sqrt,
  sub,
  type Tensor,
} from "../graph/index.ts";

/** Features of an image, and what each of its cells adds to them: the mean of the cells is the features. */
export interface Dense {
  /** [N, F] */
  readonly pooled: Tensor;
  /** [N, F, h, w] */
  readonly cells: Tensor;
}

/** A stage's map, pooled; its cells are those of the last stage's map, however fine it is itself. */
export function dense(map: Tensor, last: Tensor): Dense {
  return { pooled: globalAveragePool(map), cells: resample(map, last.shape[2]!, last.shape[3]!) };
}

/** Features of unit norm. */
export function unit({ pooled, cells }: Dense): Dense {
  const length = sqrt(add(squares(pooled), scalar(1e-12)));
  return { pooled: l2Normalise(pooled), cells: div(cells, reshapeItems(length, [1, 1, 1])) };
}

/** Features times a number. */
export const scaled = ({ pooled, cells }: Dense, factor: number): Dense => ({
  pooled: mul(pooled, scalar(factor)),
  cells: mul(cells, scalar(factor)),
});

/** Features side by side. */
export const sideBySide = (parts: readonly Dense[]): Dense => ({
  pooled: concat(
    parts.map(({ pooled }) => pooled),
    1,
  ),
  cells: concat(
    parts.map(({ cells }) => cells),
    1,
  ),
});

/**
 * What the means of a map's quarters differ by from the mean of all, in units of twice its length: a map
 * [N, C, H, W] → 4 C features. Twice, as there are four: together they are as long as one of them is on average. Where
 * the side is odd, quarters share its middle.
 */
export function layoutOf(map: Tensor): Dense {
  const mean = globalAveragePool(map);
  const length = mul(sqrt(squares(mean)), scalar(2));
  const [H, W] = [map.shape[2]!, map.shape[3]!];
  const quarters = halves(H).flatMap((rows) => halves(W).map((columns) => ({ rows, columns })));
  const contrasts = quarters.map(({ rows, columns }) =>
    sub(globalAveragePool(slice(slice(map, 2, ...rows), 3, ...columns)), mean),
  );
  const shares = quarters.map(({ rows, columns }) => {
    const isIn = (i: number, [start, end]: Span) => start <= i && i < end;
    const inside = (H * W) / ((rows[1] - rows[0]) * (columns[1] - columns[0]));
    const share = Float32Array.from({ length: H * W }, (_, i) =>
      isIn(Math.floor(i / W), rows) && isIn(i % W, columns) ? inside - 1 : -1,
    );
    return mul(map, constant(share, [1, 1, H, W]));
  });
  return { pooled: div(concat(contrasts, 1), length), cells: div(concat(shares, 1), reshapeItems(length, [1, 1, 1])) };
}

type Span = readonly [start: number, end: number];

const halves = (size: number): readonly Span[] => [
  [0, Math.ceil(size / 2)],
  [Math.floor(size / 2), size],
];

/** Sum of the squares of each row: [N, F] → [N, 1]. */
const squares = (x: Tensor): Tensor => reduceSum(mul(x, x), [1], { keepDims: true });

/** A map [N, C, H, W] → [N, C, h, w], each place the mean of what it covers, so that the mean stays. */
function resample(map: Tensor, h: number, w: number): Tensor {
  const [H, W] = [map.shape[2]!, map.shape[3]!];
  const across = w === W ? map : matmul(map, constant(shares(w, W, "transposed"), [W, w]));
  return h === H ? across : matmul(constant(shares(h, H), [h, H]), across);
}

/** What share of each of `to` places each of `from` pixels is: [to, from]. */
function shares(to: number, from: number, form?: "transposed"): Float32Array {
  const values = new Float32Array(to * from);
  for (let place = 0; place < to; place++) {
    const [start, end] = [(place * from) / to, ((place + 1) * from) / to];
    for (let pixel = Math.floor(start); pixel < Math.ceil(end); pixel++) {
      const covered = Math.min(pixel + 1, end) - Math.max(pixel, start);
      values[form ? pixel * to + place : place * from + pixel] = covered / (end - start);
    }
  }
  return values;
}
