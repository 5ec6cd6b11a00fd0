/** Uniform numbers in 0..1 that are the same every time (Lehmer's generator, minimal standard). */
export function repeatable(): () => number {
  let state = 1;
  return () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
}
