// Conditions on metadata. One evaluator for lists and searches; nothing of a filter ever reaches SQL.
import { z } from "zod";
import type { Metadata } from "./image.ts";
import { excessOf } from "./json-limits.ts";

const scalar = z.union([z.string().max(1000), z.number(), z.boolean(), z.null()]);
const bound = z.union([z.string().max(1000), z.number()]);

const tests = {
  /** Equal in type and value. */
  eq: scalar.optional(),
  in: z.array(scalar).min(1).max(1000).optional(),
  /** Numbers compare with numbers, text with text by code unit (so ISO 8601 dates compare as dates). */
  gt: bound.optional(),
  gte: bound.optional(),
  lt: bound.optional(),
  lte: bound.optional(),
  /** True: the field must be there, whatever its value. False: it must not. */
  exists: z.boolean().optional(),
};

const conditionSchema = z
  .strictObject({
    /** A key of the metadata; dots lead into objects, as in `size.width`. A list matches if one of its values does. */
    field: z.string().min(1).max(200),
    ...tests,
  })
  .refine(
    (condition) => Object.keys(condition).length > 1,
    `expected one of ${Object.keys(tests).join(", ")} beside \`field\``,
  )
  .meta({ id: "Condition" });

type Condition = z.infer<typeof conditionSchema>;

/** A condition (all of its tests must hold), or filters joined. */
export type Filter = Condition | { and: Filter[] } | { or: Filter[] } | { not: Filter };

/** The most filters joined at one level. */
const MAX_JOINED = 100;
/** The most conditions and joins of a whole filter. */
const MAX_CONDITIONS = 1000;
/** The most values of a whole filter, those of `in` lists included. */
const MAX_VALUES = 10_000;

const joinedSchema: z.ZodType<Filter, Filter> = z
  .union(
    [
      conditionSchema,
      z.strictObject({
        get and() {
          return z.array(joinedSchema).min(1).max(MAX_JOINED);
        },
      }),
      z.strictObject({
        get or() {
          return z.array(joinedSchema).min(1).max(MAX_JOINED);
        },
      }),
      z.strictObject({
        get not() {
          return joinedSchema;
        },
      }),
    ],
    {
      error:
        "expected { field, eq | in | gt | gte | lt | lte | exists }, { and: [filters] }, { or: [filters] } or { not: filter }",
    },
  )
  .meta({ id: "Filter" });

/** Validates a {@link Filter}. Its size is checked first, as zod reports every single value that does not fit. */
export const filterSchema = z.preprocess((json, context) => {
  const excess = excessOf(json, { objects: MAX_CONDITIONS, values: MAX_VALUES });
  if (!excess) return json;
  context.addIssue(excess);
  return z.NEVER;
}, joinedSchema) as unknown as z.ZodType<Filter, Filter>;

/** True where the metadata fits the filter. */
export function matchesFilter(filter: Filter, metadata: Metadata): boolean {
  if ("and" in filter) return filter.and.every((part) => matchesFilter(part, metadata));
  if ("or" in filter) return filter.or.some((part) => matchesFilter(part, metadata));
  if ("not" in filter) return !matchesFilter(filter.not, metadata);
  const { field, exists, ...rest } = filter;
  const value = valueAt(metadata, field);
  if (exists !== undefined && exists !== (value !== undefined)) return false;
  if (Object.keys(rest).length === 0) return true;
  return (Array.isArray(value) ? value : [value]).some((one) => passes(one, rest));
}

function passes(value: unknown, { eq, in: list, gt, gte, lt, lte }: Omit<Condition, "field" | "exists">): boolean {
  const compares = (limit: string | number | undefined, holds: (value: never, limit: never) => boolean) =>
    limit === undefined || (typeof value === typeof limit && holds(value as never, limit as never));
  return (
    (eq === undefined || value === eq) &&
    (list === undefined || (list as unknown[]).includes(value)) &&
    compares(gt, (a, b) => a > b) &&
    compares(gte, (a, b) => a >= b) &&
    compares(lt, (a, b) => a < b) &&
    compares(lte, (a, b) => a <= b)
  );
}

/** The value of a field. A key that is `field` literally wins over the path. */
function valueAt(metadata: Metadata, field: string): unknown {
  if (Object.hasOwn(metadata, field)) return metadata[field];
  let value: unknown = metadata;
  for (const key of field.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Metadata)[key];
  }
  return value;
}
