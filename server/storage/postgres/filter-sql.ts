// Filters as SQL over an image `i` and its content `c`. `matchesFilter` says what a filter means; this says the same in
// jsonb, to the last corner: a property test compares the two.
//
// jsonb cannot hold every string that JSON can (U+0000 and lone surrogates), and PostgreSQL orders text by code point
// where JavaScript orders it by UTF-16 code unit. Both are mended by writing strings so that code points are ordered as
// the units were; ordinary text stays as it is.
import { type Filter, isOwnField, type OwnField } from "../../domain/filter.ts";
import type { Metadata } from "../../domain/image.ts";

type Condition = Extract<Filter, { field: string }>;
type Tests = Omit<Condition, "field" | "exists">;

/** The JSON of metadata for the column `fields`. */
export const asFields = (metadata: Metadata): string => JSON.stringify(ordered(metadata));

/**
 * Text whose code points are ordered as the UTF-16 units of `text`, without those that jsonb refuses. Units from 0xD800
 * on become code points from 0x1D800 on; 0 and 1 become pairs that begin with 1.
 */
export const orderedText = (text: string): string =>
  text.replace(/[^ -\ud7ff]/g, (unit) => {
    const code = unit.charCodeAt(0);
    if (code < 2) return `\u0001${String.fromCharCode(code + 1)}`;
    return code < 0xd800 ? unit : String.fromCodePoint(0x10000 + code);
  });

function ordered(value: unknown): unknown {
  if (typeof value === "string") return orderedText(value);
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [orderedText(key), ordered(inner)]));
}

/** Collects the values of a statement: `parameter` gives a value's place, such as $3. */
export type Parameter = (value: unknown) => string;

/** What the server itself knows of an image, as jsonb. */
const OWN: Readonly<Record<OwnField, string>> = {
  $createdAt: `to_jsonb(to_char(i.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))`,
  $type: "to_jsonb(c.type)",
  $width: "to_jsonb(c.width)",
  $height: "to_jsonb(c.height)",
  $bytes: "to_jsonb(c.bytes)",
};

/** The condition on `i` and `c`, rows of images and contents, that holds where `matchesFilter` does. */
export function filterSql(filter: Filter, parameter: Parameter): string {
  if ("and" in filter) return joined(filter.and, " AND ", parameter);
  if ("or" in filter) return joined(filter.or, " OR ", parameter);
  if ("not" in filter) return `NOT ${filterSql(filter.not, parameter)}`;
  const { field, exists, ...tests } = filter;
  const value = isOwnField(field) ? OWN[field] : valueAt(field, parameter);
  const conditions = [
    ...(exists === undefined ? [] : [`${value} IS ${exists ? "NOT NULL" : "NULL"}`]),
    ...(Object.keys(tests).length === 0
      ? []
      : [...contained(field, tests, parameter), anyPasses(value, tests, parameter)]),
  ];
  return `(${conditions.join(" AND ")})`;
}

/** A filter for more values than these is not looked up in the index of all fields. */
const MOST_LOOKED_UP = 10;

/**
 * What follows from a test for equality and the index of `fields` answers: where few images pass, they are found there
 * and compared, and the graph is not walked until it has met them. Nothing where a path goes through a list.
 */
function contained(field: string, { eq, in: list }: Tests, parameter: Parameter): string[] {
  const values = eq === undefined ? list : [eq];
  const keys = field.split(".");
  if (isOwnField(field) || !values || values.length > MOST_LOOKED_UP || keys.some(isOfList)) return [];
  const paths = keys.length > 1 ? [[field], keys] : [keys];
  const holding = paths.flatMap((path) =>
    values.flatMap((value) =>
      [value, [value]].map((leaf) => path.reduceRight<unknown>((inner, key) => ({ [key]: inner }), leaf)),
    ),
  );
  return [
    `(${holding.map((fields) => `i.fields @> ${parameter(JSON.stringify(ordered(fields)))}::jsonb`).join(" OR ")})`,
  ];
}

const joined = (filters: readonly Filter[], by: string, parameter: Parameter) =>
  `(${filters.map((one) => filterSql(one, parameter)).join(by)})`;

/** The value of a field, a list's own values where it is one: one of them must pass all tests. */
function anyPasses(value: string, tests: Tests, parameter: Parameter): string {
  const { eq, in: list, gt, gte, lt, lte } = tests;
  const json = (one: unknown) => `${parameter(JSON.stringify(ordered(one)))}::jsonb`;
  const compare = (limit: string | number | undefined, operator: string) => {
    if (limit === undefined) return [];
    return typeof limit === "number"
      ? [`jsonb_typeof(one) = 'number' AND one ${operator} ${json(limit)}`]
      : [`jsonb_typeof(one) = 'string' AND (one #>> '{}') COLLATE "C" ${operator} ${parameter(orderedText(limit))}`];
  };
  const conditions = [
    ...(eq === undefined ? [] : [`one = ${json(eq)}`]),
    ...(list === undefined ? [] : [`one = ANY (ARRAY[${list.map(json).join()}])`]),
    ...compare(gt, ">"),
    ...compare(gte, ">="),
    ...compare(lt, "<"),
    ...compare(lte, "<="),
  ];
  return `EXISTS (
    SELECT FROM (SELECT ${value} AS value OFFSET 0) v,
      jsonb_array_elements(CASE jsonb_typeof(value) WHEN 'array' THEN value ELSE jsonb_build_array(value) END) AS e (one)
    WHERE value IS NOT NULL AND ${conditions.join(" AND ")})`;
}

/** A key that is there as it is goes before a path. */
function valueAt(field: string, parameter: Parameter): string {
  const whole = parameter(orderedText(field));
  const path = field.split(".").reduce((value, key) => step(value, key, parameter), "i.fields");
  return `CASE WHEN i.fields ? ${whole}::text THEN i.fields -> ${whole}::text ELSE ${path} END`;
}

const isPlace = (key: string): boolean => /^(0|[1-9]\d{0,8})$/.test(key);
/** Lists have places and a length, as in JavaScript. */
const isOfList = (key: string): boolean => isPlace(key) || key === "length";

function step(value: string, key: string, parameter: Parameter): string {
  const inObject = `WHEN 'object' THEN (${value}) -> ${parameter(orderedText(key))}::text`;
  const inList = isPlace(key)
    ? `WHEN 'array' THEN (${value}) -> ${key}`
    : key === "length"
      ? `WHEN 'array' THEN to_jsonb(jsonb_array_length(${value}))`
      : "";
  return `(CASE jsonb_typeof(${value}) ${inObject} ${inList} END)`;
}
