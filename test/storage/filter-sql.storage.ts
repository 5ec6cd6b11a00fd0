// A filter means the same in SQL as in JavaScript.
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Filter, matchesFilter, OWN_FIELDS } from "../../server/domain/filter.ts";
import type { FilteredImage, Metadata } from "../../server/domain/image.ts";
import { type Database, openDatabase } from "../../server/storage/postgres/database.ts";
import { asFields, filterSql, orderedText } from "../../server/storage/postgres/filter-sql.ts";
import { createDatabase } from "../../support/postgres.ts";

/** Text of the corners: what jsonb refuses, what code points and code units order otherwise, digits and dots. */
const text = fc.oneof(
  fc.constantFrom(
    "",
    "a",
    "b",
    "ab",
    "é",
    "z",
    "\0",
    "\0\0",
    "\u0001",
    "\u0002",
    "\ud800",
    "😀",
    "\ufffd",
    "\uffff",
    "1",
    "01",
  ),
  fc.string({ unit: "binary", maxLength: 4 }),
);
const number = fc.oneof(
  fc.constantFrom(0, -0, 1, 1.5, -2, 1e300, 5e-324, 2 ** 53),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
);
const scalar = fc.oneof(text, number, fc.boolean(), fc.constantFrom(null, 640, 2 ** 40, "jpeg"));
const key = fc.oneof(fc.constantFrom("a", "b", "0", "1", "01", "length", "a.b", "a.0", "__proto__x"), text);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(key, tie("value"), { maxKeys: 3 }),
  ),
}));
const size = fc.constantFrom(1, 2, 640, 50_000);
const createdAt = fc.constantFrom("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.010Z", "1999-12-31T23:59:59.999Z");
const image: fc.Arbitrary<FilteredImage> = fc.record({
  metadata: fc.dictionary(key, value, { maxKeys: 4 }),
  createdAt,
  type: fc.constantFrom("jpeg", "png"),
  width: size,
  height: size,
  bytes: fc.oneof(size, fc.constant(2 ** 40)),
});

const bound = fc.oneof(text, number, size, createdAt, fc.constantFrom("2026", "jpeg"));
const field = fc
  .oneof(
    key,
    fc.constantFrom(...Object.keys(OWN_FIELDS)),
    fc.array(key, { minLength: 1, maxLength: 3 }).map((keys) => keys.join(".")),
  )
  .filter((one) => one !== "");
const condition = fc
  .record(
    {
      field,
      eq: scalar,
      in: fc.array(scalar, { minLength: 1, maxLength: 3 }),
      gt: bound,
      gte: bound,
      lt: bound,
      lte: bound,
      exists: fc.boolean(),
    },
    { requiredKeys: ["field"] },
  )
  .filter((one) => Object.keys(one).length > 1);
const { filter } = fc.letrec<{ filter: Filter }>((tie) => ({
  filter: fc.oneof(
    { depthSize: "small" },
    condition as fc.Arbitrary<Filter>,
    fc.record({ and: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ or: fc.array(tie("filter"), { minLength: 1, maxLength: 3 }) }),
    fc.record({ not: tie("filter") }),
  ),
}));

describe("filters in SQL", () => {
  let database: Database;
  let remove: () => Promise<void>;
  before(async () => {
    const made = await createDatabase();
    remove = made.remove;
    database = await openDatabase(made.url);
  });
  after(async () => {
    await database.close();
    await remove();
  });

  const fitting = async (wanted: Filter, all: readonly FilteredImage[]): Promise<boolean[]> => {
    const own = (["createdAt", "type", "width", "height", "bytes"] as const).map((key) => all.map((one) => one[key]));
    const values: unknown[] = [all.map(({ metadata }) => asFields(metadata)), ...own];
    const sql = filterSql(wanted, (one) => `$${values.push(one)}`);
    const rows = await database.query<{ fits: boolean }>(
      `SELECT ${sql} AS fits
       FROM unnest($1::jsonb[], $2::timestamptz(3)[], $3::text[], $4::integer[], $5::integer[], $6::bigint[])
         WITH ORDINALITY AS i (fields, created_at, type, width, height, bytes, place),
         LATERAL (SELECT i.type, i.width, i.height, i.bytes) AS c ORDER BY place`,
      values,
    );
    return rows.map(({ fits }) => fits);
  };

  it("fit what matchesFilter fits", async () => {
    const some = fc.array(image, { minLength: 5, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(filter, some, async (wanted, all) => {
        const stored = all.map((one) => JSON.parse(JSON.stringify(one)) as FilteredImage);
        assert.deepEqual(
          await fitting(wanted, stored),
          stored.map((one) => matchesFilter(wanted, one)),
        );
      }),
      { numRuns: 500 },
    );
  });

  it("reach into lists and objects, where a key as it is goes first", async () => {
    const of = (metadata: Metadata): FilteredImage => ({ ...fc.sample(image, 1)[0]!, metadata });
    const all = [{ a: { b: 1 } }, { "a.b": 2, a: { b: 1 } }, { a: [{ b: 1 }] }, { a: [1, 2, 3] }].map(of);
    assert.deepEqual(await fitting({ field: "a.b", eq: 1 }, all), [true, false, false, false]);
    assert.deepEqual(await fitting({ field: "a.0.b", eq: 1 }, all), [false, false, true, false]);
    assert.deepEqual(await fitting({ field: "a.length", eq: 3 }, all), [false, false, false, true]);
    assert.deepEqual(await fitting({ field: "a", gt: 2 }, all), [false, false, false, true]);
  });

  it("order text as JavaScript does", () => {
    const order = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
    fc.assert(
      fc.property(text, text, (a, b) => {
        assert.equal(Math.sign(order(orderedText(a), orderedText(b))), a < b ? -1 : a > b ? 1 : 0);
      }),
    );
  });
});
