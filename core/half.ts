// Numbers of 16 bits (IEEE 754 binary16) as raw bits: Node has no array of them before version 24.

/** 1 sign, 5 exponent and 10 fraction bits; below 2⁻¹⁴ numbers are multiples of 2⁻²⁴. */
const [FRACTION_BITS, LEAST_EXPONENT, INFINITE, NOT_A_NUMBER] = [10, -14, 0x7c00, 0x7e00];

/** The nearest half of each value, ties to even; beyond 65,504 they are infinite. */
export function toHalf(values: Float32Array): Uint16Array {
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const halves = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) halves[i] = nearestHalf(values[i]!, words[i]!);
  return halves;
}

/** @param word The value's own 32 bits. */
function nearestHalf(value: number, word: number): number {
  if (Number.isNaN(value)) return NOT_A_NUMBER;
  const sign = (word >>> 16) & 0x8000;
  const exponent = Math.max(LEAST_EXPONENT, ((word >>> 23) & 0xff) - 127);
  const steps = roundHalfEven(Math.abs(value) / 2 ** (exponent - FRACTION_BITS));
  // A fraction that is rounded up to the next power of two carries into the exponent by itself.
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
