// Conditions on images: on their metadata, and on what the server itself knows of them. This says what a filter means;
// filter-sql.ts in storage/postgres says the same in SQL.
import { z } from "zod";
import type { FilteredImage, Metadata } from "./image.ts";
import { excessOf } from "./json-limits.ts";

const scalar = z.union([z.string().max(1000), z.number(), z.boolean(), z.null()]);
const bound = z.union([z.string().max(1000), z.number()]);

/** Fields of what the server itself knows of an image. All names that begin with $ are kept for such fields. */
export const OWN_FIELDS = {
  $createdAt: "createdAt",
  $type: "type",
  $width: "width",
  $height: "height",
  $bytes: "bytes",
} as const satisfies Record<string, keyof FilteredImage>;

/** A name of {@link OWN_FIELDS}. */
export type OwnField = keyof typeof OWN_FIELDS;

/** True for the fields of {@link OWN_FIELDS}; those of metadata do not begin with $. */
export const isOwnField = (field: string): field is OwnField => Object.hasOwn(OWN_FIELDS, field);

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
    /**
     * A key of the metadata; dots lead into objects, as in `size.width`. A list matches if one of its values does. Or
     * one of {@link OWN_FIELDS}.
     */
    field: z
      .string()
      .min(1)
      .max(200)
      .refine((field) => !field.startsWith("$") || isOwnField(field), {
        error: `expected one of ${Object.keys(OWN_FIELDS).join(", ")}: fields that begin with $ are the server's`,
      }),
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

/** True where the image fits the filter. */
export function matchesFilter(filter: Filter, image: FilteredImage): boolean {
  if ("and" in filter) return filter.and.every((part) => matchesFilter(part, image));
  if ("or" in filter) return filter.or.some((part) => matchesFilter(part, image));
  if ("not" in filter) return !matchesFilter(filter.not, image);
  const { field, exists, ...rest } = filter;
  const value = isOwnField(field) ? image[OWN_FIELDS[field]] : valueAt(image.metadata, field);
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

/** The value of a field of metadata. A key that is `field` literally wins over the path. */
export function valueAt(metadata: Metadata, field: string): unknown {
  if (Object.hasOwn(metadata, field)) return metadata[field];
  let value: unknown = metadata;
  for (const key of field.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Metadata)[key];
  }
  return value;
}
