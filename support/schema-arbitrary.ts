// JSON Schema → random values, mostly such as it describes.
import fc from "fast-check";

/** The keywords that the OpenAPI document uses. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly type?: string;
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly format?: string;
  readonly pattern?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: JsonSchema | boolean;
}

/** What values are made with. */
export interface Making {
  /** Finds what `$ref` names. */
  readonly resolve: (ref: string) => JsonSchema;
  /** Texts that mean something to the server: ids, names, cursors, filters. Their number stays, they may change. */
  readonly dictionary: readonly string[];
  /** Values for `format: binary`. */
  readonly files: readonly Uint8Array[];
}

/** The longest text and list that is made. */
const MOST = 20;
/** From this depth on, the first of several alternatives is taken. */
const DEEP = 4;

/** Random values: one in eight at each place is anything at all, the others are as the schema says. */
export function arbitraryOf(schema: JsonSchema, making: Making, depth = 0): fc.Arbitrary<unknown> {
  return fc.oneof(
    { weight: 7, arbitrary: fitting(schema, making, depth) },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
  );
}

function fitting(schema: JsonSchema, making: Making, depth: number): fc.Arbitrary<unknown> {
  const inner = (part: JsonSchema) => arbitraryOf(part, making, depth + 1);
  if (schema.$ref) return fitting(making.resolve(schema.$ref), making, depth);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if ("const" in schema) return fc.constant(schema.const);
  if (schema.anyOf) return fc.oneof(...(depth > DEEP ? schema.anyOf.slice(0, 1) : schema.anyOf).map(inner));
  switch (schema.type) {
    case "string":
      return text(schema, making);
    case "integer":
    case "number":
      return number(schema);
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array": {
      const { items = {}, minItems = 0, maxItems = MOST } = schema;
      return fc.array(inner(items), { minLength: minItems, maxLength: Math.min(maxItems, minItems + MOST) });
    }
    case "object":
      return object(schema, inner);
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function text({ format, pattern, minLength = 0, maxLength = MOST }: JsonSchema, { dictionary, files }: Making) {
  if (format === "binary") return fc.oneof(fc.constantFrom(...files), fc.uint8Array({ maxLength: 100 }));
  if (pattern) return fc.stringMatching(new RegExp(pattern));
  const lengths = { minLength, maxLength: Math.min(maxLength, minLength + MOST) };
  return fc.oneof(
    { weight: 4, arbitrary: fc.nat(dictionary.length - 1).map((i) => dictionary[i]!) },
    { weight: 1, arbitrary: fc.string(lengths) },
    { weight: 1, arbitrary: fc.string({ ...lengths, unit: "binary" }) },
  );
}

function number({ type, minimum = -1e6, maximum = 1e6 }: JsonSchema): fc.Arbitrary<number> {
  const edges = fc.constantFrom(minimum, maximum, minimum - 1, maximum + 1, 0, 0.5);
  const within =
    type === "integer"
      ? fc.integer({ min: Math.max(minimum, -1e6), max: Math.min(maximum, 1e6) })
      : fc.double({ min: minimum, max: maximum, noNaN: true });
  return fc.oneof({ weight: 5, arbitrary: within }, { weight: 1, arbitrary: edges });
}

const ABSENT = Symbol("absent");

/** One in five, as many properties exclude each other, such as what a search is made with. */
const seldom = (part: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(ABSENT) }, { weight: 1, arbitrary: part });

function object(
  { properties = {}, required = [], additionalProperties }: JsonSchema,
  inner: (part: JsonSchema) => fc.Arbitrary<unknown>,
) {
  const parts = Object.entries(properties).map(([name, part]): [string, fc.Arbitrary<unknown>] => [
    name,
    required.includes(name) ? inner(part) : seldom(inner(part)),
  ]);
  const several = fc
    .record(Object.fromEntries(parts))
    .map((values) => Object.fromEntries(Object.entries(values).filter(([, value]) => value !== ABSENT)));
  // Where all are optional, one of them is often what is wanted: a search is by one thing.
  const single = Object.entries(properties).map(([name, part]) => inner(part).map((value) => ({ [name]: value })));
  const named = required.length > 0 || single.length === 0 ? several : fc.oneof(several, fc.oneof(...single));
  if (typeof additionalProperties !== "object") return named;
  const others = fc.dictionary(fc.string({ maxLength: MOST }), inner(additionalProperties), { maxKeys: 4 });
  return fc.tuple(others, named).map(([more, known]) => ({ ...more, ...known }));
}
