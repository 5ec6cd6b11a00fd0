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
  let seen = 0;
  let objectsSeen = 0;
  for (const { value, depth } of walk(json)) {
    if (++seen > values) return `expected at most ${values} values`;
    if (!isNested(value)) continue;
    if (depth >= MAX_DEPTH) return `expected at most ${MAX_DEPTH} levels`;
    if (Object.hasOwn(value, "__proto__")) return "expected no key `__proto__`";
    if (!Array.isArray(value) && ++objectsSeen > objects) return `expected at most ${objects} objects`;
  }
  return undefined;
}

/** False where a number was too large to be read, such as 1e999. */
export function hasFiniteNumbers(json: unknown): boolean {
  for (const { value } of walk(json)) if (typeof value === "number" && !Number.isFinite(value)) return false;
  return true;
}

/** Every value of JSON, from the outside in; `depth` is the number of lists and objects around it. */
function* walk(json: unknown): Generator<{ value: unknown; depth: number }> {
  const path: Array<Iterator<unknown>> = [[json].values()];
  while (path.length > 0) {
    const { done, value } = path.at(-1)!.next();
    if (done) {
      path.pop();
      continue;
    }
    yield { value, depth: path.length - 1 };
    if (isNested(value)) path.push((Array.isArray(value) ? value : Object.values(value)).values());
  }
}

const isNested = (value: unknown): value is object => typeof value === "object" && value !== null;
