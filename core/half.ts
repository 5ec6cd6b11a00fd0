// Half precision (IEEE 754 binary16) as raw bits, since Node has no Float16Array before version 24.

/** 1 sign bit, 5 exponent bits and 10 fraction bits; numbers below 2⁻¹⁴ (subnormals) are multiples of 2⁻²⁴. */
const [FRACTION_BITS, LEAST_EXPONENT, INFINITE, NOT_A_NUMBER] = [10, -14, 0x7c00, 0x7e00];

/** The nearest half of each value, ties to even; values that round beyond 65,504 become infinite. */
export function toHalf(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = nearestHalf(values[i]!, words[i]!);
  return halves;
}

/** @param word The 32 bits of the value. */
function nearestHalf(value: number, word: number): number {
  if (Number.isNaN(value)) return NOT_A_NUMBER;
  const sign = (word >>> 16) & 0x8000;
  const exponent = Math.max(LEAST_EXPONENT, ((word >>> 23) & 0xff) - 127);
  const steps = roundHalfEven(Math.abs(value) / 2 ** (exponent - FRACTION_BITS));
  // A fraction that rounds up to the next power of two carries into the exponent bits.
  return sign | Math.min(INFINITE, ((exponent - LEAST_EXPONENT) << FRACTION_BITS) + steps);
}

/** The value of each half, exactly. */
export function fromHalf(halves: Uint16Array): Float32Array {
  const values = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) values[i] = widened(halves[i]!);
  return values;
}

function widened(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half & INFINITE) >>> FRACTION_BITS;
  const fraction = half & (2 ** FRACTION_BITS - 1);
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  const leading = exponent === 0 ? 0 : 2 ** FRACTION_BITS;
  return sign * (leading + fraction) * 2 ** (Math.max(exponent, 1) - 1 + LEAST_EXPONENT - FRACTION_BITS);
}

function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
