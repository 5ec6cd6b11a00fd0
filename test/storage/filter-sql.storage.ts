// A filter means the same in SQL as in JavaScript.
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Filter, matchesFilter } from "../../server/domain/filter.ts";
import type { Metadata } from "../../server/domain/image.ts";
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
const scalar = fc.oneof(text, number, fc.boolean(), fc.constant(null));
const key = fc.oneof(fc.constantFrom("a", "b", "0", "1", "01", "length", "a.b", "a.0", "__proto__x"), text);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    scalar,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(key, tie("value"), { maxKeys: 3 }),
  ),
}));
const metadata = fc.dictionary(key, value, { maxKeys: 4 }) as fc.Arbitrary<Metadata>;

const bound = fc.oneof(text, number);
const field = fc
  .oneof(
    key,
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

  const fitting = async (wanted: Filter, all: readonly Metadata[]): Promise<boolean[]> => {
    const values: unknown[] = [all.map(asFields)];
    const sql = filterSql(wanted, "fields", (one) => `$${values.push(one)}`);
    const rows = await database.query<{ fits: boolean }>(
      `SELECT ${sql} AS fits FROM unnest($1::jsonb[]) WITH ORDINALITY AS m (fields, place) ORDER BY place`,
      values,
    );
    return rows.map(({ fits }) => fits);
  };

  it("fit what matchesFilter fits", async () => {
    const some = fc.array(metadata, { minLength: 5, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(filter, some, async (wanted, all) => {
        const stored = all.map((one) => JSON.parse(JSON.stringify(one)) as Metadata);
        assert.deepEqual(
          await fitting(wanted, stored),
          stored.map((one) => matchesFilter(wanted, one)),
        );
      }),
      { numRuns: 500 },
    );
  });

  it("reach into lists and objects, where a key as it is goes first", async () => {
    const all: Metadata[] = [{ a: { b: 1 } }, { "a.b": 2, a: { b: 1 } }, { a: [{ b: 1 }] }, { a: [1, 2, 3] }];
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
