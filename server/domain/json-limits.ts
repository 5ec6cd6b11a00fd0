// JSON from outside: how much of it there may be. Checked before anything else looks at it, as code that walks JSON
// recurses, and schemas describe every value that does not fit.

/** Levels of lists and objects. */
const MAX_DEPTH = 32;
/** Values at all levels. The largest request that is meant, a vector and a filter, has fewer. */
const MAX_VALUES = 100_000;

/** Bounds of {@link excessOf}. */
export interface JsonLimits {
  /** Values at all levels. @default 100,000 */
  readonly values?: number;
  /** Objects at all levels. @default no bound of their own */
  readonly objects?: number;
}

/**
 * What JSON has too much of, or has that would change silently when it is stored; undefined where nothing is wrong.
 * Does not recurse, and stops at the first excess.
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

/** False where a number was too large to be read, such as 1e999. */
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
    for (const child of children) if (isNested(child)) waiting.push({ container: child, depth: depth + 1 });
  }
}

const isNested = (value: unknown): value is object => typeof value === "object" && value !== null;
