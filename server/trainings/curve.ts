// The curve of a training of any length in a bounded number of points.
import type { CurvePoint } from "../domain/training.ts";

/** The curve of one training. */
export interface Curve {
  /** Adds a step. */
  add(step: Omit<CurvePoint, "knn">): void;
  /** Adds a measurement right after the last step. */
  measured(knn: number): void;
  points(): CurvePoint[];
}

/** Makes an empty curve. Each point is the mean of as many steps; where there are too many points, two become one. */
export function createCurve(most: number): Curve {
  let whole: CurvePoint[] = [];
  let last: CurvePoint | undefined;
  /** Steps of a whole point, and of the last one. */
  let stride = 1;
  let steps = 0;
  return {
    add(step) {
      last = last ? { ...join(last, steps, step, 1), ...knnOf(last) } : step;
      if (++steps < stride) return;
      whole.push(last);
      last = undefined;
      steps = 0;
      if (whole.length < most) return;
      whole = whole.flatMap((point, i) => {
        const next = whole[i + 1];
        return i % 2 || !next ? [] : [{ ...join(point, stride, next, stride), ...knnOf(point), ...knnOf(next) }];
      });
      stride *= 2;
    },
    measured(knn) {
      if (last) last = { ...last, knn };
      else whole.push(...whole.splice(-1).map((point) => ({ ...point, knn })));
    },
    points: () => (last ? [...whole, last] : [...whole]),
  };
}

const knnOf = ({ knn }: CurvePoint) => (knn === undefined ? {} : { knn });

/** The mean of `n` steps and of the `m` after them. */
function join(a: CurvePoint, n: number, b: CurvePoint, m: number): CurvePoint {
  const mean = (x: number, y: number) => (x * n + y * m) / (n + m);
  return {
    imagesSeen: b.imagesSeen,
    loss: mean(a.loss, b.loss),
    ownKeyFound: mean(a.ownKeyFound, b.ownKeyFound),
  };
}
