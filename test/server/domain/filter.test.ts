import assert from "node:assert/strict";
import { type Filter, filterSchema, matchesFilter } from "../../../server/domain/filter.ts";

const metadata = {
  $width: 1,
  colour: "red",
  price: 12.5,
  tags: ["new", "sale"],
  sold: false,
  size: { width: 30 },
  "a.b": 1,
  none: null,
  added: "2026-03-01",
};

const image = {
  metadata,
  createdAt: "2026-03-01T12:00:00.000Z",
  type: "png",
  width: 640,
  height: 480,
  bytes: 9,
} as const;

describe("matchesFilter", () => {
  const cases: ReadonlyArray<readonly [boolean, Filter]> = [
    [true, { field: "colour", eq: "red" }],
    [false, { field: "colour", eq: "Red" }],
    [false, { field: "price", eq: "12.5" }],
    [true, { field: "sold", eq: false }],
    [true, { field: "none", eq: null }],
    [false, { field: "missing", eq: null }],
    [true, { field: "price", gt: 12, lte: 12.5 }],
    [false, { field: "price", gt: 12.5 }],
    [true, { field: "price", gte: 12.5, lt: 13 }],
    [false, { field: "price", gt: "1" }],
    [true, { field: "added", gte: "2026-01-01", lt: "2027-01-01" }],
    [true, { field: "colour", in: ["blue", "red"] }],
    [false, { field: "colour", in: ["blue"] }],
    [true, { field: "tags", eq: "sale" }],
    [true, { field: "tags", in: ["old", "new"] }],
    [true, { field: "size.width", gte: 30 }],
    [true, { field: "a.b", eq: 1 }],
    [true, { field: "none", exists: true }],
    [true, { field: "missing", exists: false }],
    [false, { field: "tags", exists: true, eq: "old" }],
    [false, { field: "constructor", exists: true }],
    [false, { field: "colour.length", exists: true }],
    [true, { field: "$createdAt", gte: "2026-03-01", lt: "2026-03-02" }],
    [true, { field: "$type", in: ["png", "jpeg"] }],
    [true, { field: "$width", eq: 640 }],
    [false, { field: "$height", gt: 480 }],
    [true, { field: "$bytes", lt: 10, exists: true }],
    [
      true,
      {
        and: [
          { field: "colour", eq: "red" },
          { field: "price", lt: 20 },
        ],
      },
    ],
    [
      false,
      {
        and: [
          { field: "colour", eq: "red" },
          { field: "price", gt: 20 },
        ],
      },
    ],
    [
      true,
      {
        or: [
          { field: "colour", eq: "blue" },
          { field: "price", lt: 20 },
        ],
      },
    ],
    [
      false,
      {
        not: {
          or: [
            { field: "colour", eq: "blue" },
            { field: "price", lt: 20 },
          ],
        },
      },
    ],
  ];
  for (const [expected, filter] of cases) {
    it(`is ${expected} for ${JSON.stringify(filter)}`, () => {
      assert.equal(matchesFilter(filterSchema.parse(filter), image), expected);
    });
  }
});

describe("filterSchema", () => {
  for (const bad of [
    {},
    { field: "a" },
    { field: "", eq: 1 },
    { eq: 1 },
    { and: [] },
    { and: [{ field: "a", eq: 1 }], or: [] },
    { field: "a", eq: {} },
    { field: "a", gt: true },
    { field: "a", like: "%" },
    { field: "a", in: [] },
    { not: [] },
    "colour = 'red' OR 1=1",
    null,
  ]) {
    it(`refuses ${JSON.stringify(bad)}`, () => assert.equal(filterSchema.safeParse(bad).success, false));
  }

  it("names the server's fields where another one begins with $", () => {
    const unknown = { field: "$price", eq: 1 };
    for (const filter of [unknown, { not: unknown }, { and: [{ field: "a", eq: 1 }, { or: [unknown] }] }]) {
      const { error } = filterSchema.safeParse(filter);
      assert.match(error!.issues[0]!.message, /expected one of \$createdAt, \$type, \$width, \$height, \$bytes/);
    }
  });
});
