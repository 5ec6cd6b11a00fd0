// Crop, resize, flip and blur along one axis, as one matrix.

/**
 * Fills `out` [to, from] with the matrix that resamples the part `start`..`start + extent` (in shares of the axis) of
 * `from` pixels to `to` pixels: bilinear, with antialiasing where it shrinks, then a Gaussian of `sigma` output pixels.
 */
export function resampleMatrix(
  out: Float32Array,
  { from, to }: { from: number; to: number },
  start: number,
  extent: number,
  sigma: number,
  flipped: boolean,
): void {
  const scale = (extent * from) / to;
  const support = Math.max(scale, 1);
  const first = Math.round(start * from);
  const last = Math.max(first + 1, Math.round((start + extent) * from)) - 1;
  const plain = sigma > 0 ? new Float32Array(to * from) : out.fill(0);
  for (let i = 0; i < to; i++) {
    const centre = start * from + (i + 0.5) * scale - 0.5;
    const row = (flipped ? to - 1 - i : i) * from;
    let sum = 0;
    for (let j = Math.max(first, Math.ceil(centre - support)); j <= Math.min(last, centre + support); j++) {
      const weight = 1 - Math.abs(j - centre) / support;
      plain[row + j] = weight;
      sum += weight;
    }
    if (sum > 0) for (let j = first; j <= last; j++) plain[row + j]! /= sum;
    else plain[row + Math.min(last, Math.max(first, Math.round(centre)))] = 1;
  }
  if (sigma > 0) blurRows(out, plain, to, from, sigma);
}

/** out = G · plain, G the Gaussian over rows with the border repeated. */
function blurRows(out: Float32Array, plain: Float32Array, rows: number, width: number, sigma: number): void {
  const radius = Math.max(1, Math.ceil(3 * sigma));
  const kernel = Array.from({ length: 2 * radius + 1 }, (_, i) => Math.exp(-((i - radius) ** 2) / (2 * sigma ** 2)));
  const total = kernel.reduce((a, b) => a + b, 0);
  out.fill(0);
  for (let i = 0; i < rows; i++) {
    for (let t = -radius; t <= radius; t++) {
      const source = Math.min(rows - 1, Math.max(0, i + t)) * width;
      const weight = kernel[t + radius]! / total;
      for (let j = 0; j < width; j++) out[i * width + j]! += weight * plain[source + j]!;
    }
  }
}
