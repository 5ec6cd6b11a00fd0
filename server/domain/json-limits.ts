// Limits on JSON from outside. They are checked before anything else, because code that walks JSON usually recurses and
// zod reports every single value that does not fit.

/** Levels of lists and objects. */
const MAX_DEPTH = 32;
/** Values at all levels. The largest legitimate request, a vector and a filter, has fewer. */
const MAX_VALUES = 100_000;

/** Bounds of {@link excessOf}. */
export interface JsonLimits {
  /** Values at all levels. @default 100,000 */
  readonly values?: number;
  /** Objects at all levels. @default no bound of their own */
  readonly objects?: number;
}

/**
 * Says what is wrong with a JSON value: too deep, too large, or a key that would be lost silently when it is stored.
 * Undefined where nothing is wrong. Does not recurse and stops at the first problem.
 */
export function excessOf(
  json: unknown,
  { values = MAX_VALUES, objects = MAX_VALUES }: JsonLimits = {},
): string | undefined {
  let seen = 1;
  let objectsSeen = 0;
  for (const { container, children, depth } of containers(json)) {
    if (depth >= MAX_DEPTH) return `expected at most ${MAX_DEPTH} levels`;
    if (Object.hasOwn(container, "__proto__")) return "expected no key `__proto__`";
    if (container !== children && ++objectsSeen > objects) return `expected at most ${objects} objects`;
    seen += children.length;
    if (seen > values) return `expected at most ${values} values`;
  }
  return undefined;
}

/** False where a number overflowed when the JSON was parsed, as 1e999 does. */
export function hasFiniteNumbers(json: unknown): boolean {
  for (const { children } of containers([json])) {
    if (children.some((value) => typeof value === "number" && !Number.isFinite(value))) return false;
  }
  return true;
}

/** Every list and object of JSON, the outer before the inner; `depth` is the number of those around it. */
function* containers(json: unknown): Generator<{ container: object; children: readonly unknown[]; depth: number }> {
  const waiting = isNested(json) ? [{ container: json, depth: 0 }] : [];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { container, depth } = next;
    const children: readonly unknown[] = Array.isArray(container) ? container : Object.values(container);
    yield { container, children, depth };
    // By index: an iterator makes an object for each of a vector's numbers.
    for (let i = 0; i < children.length; i++) {
      const child = children[i];
      if (isNested(child)) waiting.push({ container: child, depth: depth + 1 });
    }
  }
}

const isNested = (value: unknown): value is object => typeof value === "object" && value !== null;
