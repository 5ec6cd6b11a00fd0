// Points of a map: its values between the centres of pixels, and points that are chosen by a score. What PointRend
// (Kirillov et al., arXiv 1912.08193) is made of.
import { apply, constant, integers, makeNode, scalar, type Tensor } from "../tensor.ts";
import { expand } from "./broadcast.ts";
import { clip, mul, relu, sub } from "./elementwise.ts";
import { matmul } from "./matmul.ts";
import { reshape, slice } from "./shape.ts";

/**
 * Values of x [N, C, H, W] at points [N, P, 2] → [N, C, P]. A point is (across, down) in 0..1 of the map's sides.
 *
 * `bilinear` interpolates between the centres of pixels; beyond the outermost centres their value goes on. `nearest`
 * takes the value of the pixel that the point lies in, and has no gradient. No gradient flows to the points.
 */
export function samplePoints(x: Tensor, points: Tensor, mode: "bilinear" | "nearest" = "bilinear"): Tensor {
  const [n, c] = x.shape as [number, number];
  const [n2, p, pair] = points.shape as [number, number, number];
  if (x.shape.length !== 4 || points.shape.length !== 3 || n2 !== n || pair !== 2) {
    throw new RangeError(`samplePoints: points [${points.shape}] do not fit a map of [${x.shape}]`);
  }
  const grid = reshape(sub(mul(points, scalar(2)), scalar(1)), [n, 1, p, 2]); // ONNX counts from −1 to 1
  const sampled = apply("GridSample", [x, grid], {
    shape: [n, c, 1, p],
    attributes: { mode, padding_mode: "border", align_corners: 0 },
    parents: [x],
    ...(mode === "bilinear" && { gradient: ([g]) => [spread(reshape(g!, [n, c, p]), points, x)] }),
  });
  return reshape(sampled, [n, c, p]);
}

/** The gradient with respect to `map` of g [N, C, P]: every pixel gets what the points have taken of it. */
function spread(g: Tensor, points: Tensor, map: Tensor): Tensor {
  const [n, p] = points.shape as [number, number];
  const [, , h, w] = map.shape as [number, number, number, number];
  const columns = reshape(shares(slice(points, 2, 0, 1), w), [n, p, 1, w]);
  const rows = reshape(shares(slice(points, 2, 1, 2), h), [n, p, h, 1]);
  return reshape(matmul(g, reshape(mul(rows, columns), [n, p, h * w])), map.shape);
}

/** What points take of each of `size` pixels along a side, from their places [N, P, 1] on it → [N, P, size]. */
function shares(places: Tensor, size: number): Tensor {
  const at = clip(sub(mul(places, scalar(size)), scalar(0.5)), scalar(0), scalar(size - 1));
  const pixels = constant(
    Float32Array.from({ length: size }, (_, i) => i),
    [1, 1, size],
  );
  const distance = sub(at, pixels);
  return relu(sub(scalar(1), apply("Abs", [distance], { shape: distance.shape })));
}

/** The `count` largest values along an axis, the largest first, and where they are (int64). No gradient rule. */
export function topK(x: Tensor, count: number, axis: number): { values: Tensor; indices: Tensor } {
  const size = x.shape[axis]!;
  if (!(count >= 1 && count <= size))
    throw new RangeError(`topK: ${count} of the ${size} of axis ${axis} of [${x.shape}]`);
  const shape = x.shape.map((v, i) => (i === axis ? count : v));
  const [values, indices] = makeNode(
    { op: "TopK", inputs: [x, integers([count])], parents: [], attributes: { axis, largest: 1, sorted: 1 } },
    [
      { shape, dtype: x.dtype },
      { shape, dtype: "int64" },
    ],
  );
  return { values: values!, indices: indices! };
}

/** For each item of a batch the rows `indices` (int64 [N, K]) of x [N, M, D] → [N, K, D]. No gradient rule. */
export function gatherPoints(x: Tensor, indices: Tensor): Tensor {
  const [n, k] = indices.shape as [number, number];
  return apply("GatherND", [x, reshape(indices, [n, k, 1])], {
    shape: [n, k, x.shape[2]!],
    attributes: { batch_dims: 1 },
    parents: [],
  });
}

/** x [N, C, M] with the values [N, C, K] at the places `indices` (int64 [N, K]). No gradient rule. */
export function scatterPoints(x: Tensor, indices: Tensor, values: Tensor): Tensor {
  const [n, k] = indices.shape as [number, number];
  const places = expand(reshape(indices, [n, 1, k]), values.shape);
  return apply("ScatterElements", [x, places, values], { shape: x.shape, attributes: { axis: 2 }, parents: [] });
}
