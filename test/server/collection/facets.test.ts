import assert from "node:assert/strict";
import { countFacets } from "../../../server/collection/facets.ts";
import type { FilteredImage, Metadata } from "../../../server/domain/image.ts";

const own = { createdAt: "2026-01-01T00:00:00.000Z", type: "png", width: 1, height: 1, bytes: 1 } as const;

/** The images of a catalogue, 1000 at a time. */
const imagesOf = (all: readonly Metadata[]) => ({
  count: async () => all.length,
  async *each() {
    let batch: Array<FilteredImage & { number: number; content: number }> = [];
    for (const metadata of all) {
      if (batch.push({ ...own, number: 1, content: 1, metadata }) < 1000) continue;
      yield batch;
      batch = [];
    }
    yield batch;
  },
});
const facets = (all: readonly Metadata[], wanted: Partial<Parameters<typeof countFacets>[0]> = {}) =>
  countFacets({ limit: 50, ...wanted }, imagesOf(all));
const many = (count: number, metadataOf: (i: number) => Metadata) =>
  Array.from({ length: count }, (_, i) => metadataOf(i));

describe("facets", () => {
  it("count texts, numbers and booleans, the most frequent first, inside objects and lists too", async () => {
    const { total, fields } = await facets([
      { colour: "red", sold: true, size: { width: 3 }, tags: ["new", "sale", "new"] },
      { colour: "blue", sold: true, size: { width: 3, "a.b": 1 }, tags: ["sale", { no: 1 }, null] },
      { colour: "red", sold: "true", size: { width: 4 }, tags: [] },
      { colour: null, $price: 3, "": 1, "size.width": 5, size: { width: 3 } },
    ]);
    assert.equal(total, 4);
    assert.deepEqual(
      Object.fromEntries(
        fields.map(({ field, images, values }) => [field, [images, ...values.map((one) => Object.values(one))]]),
      ),
      {
        colour: [3, ["red", 2], ["blue", 1]],
        sold: [3, [true, 2], ["true", 1]],
        "size.width": [4, [3, 2], [4, 1], [5, 1]],
        tags: [2, ["sale", 2], ["new", 1]],
      },
    );
  });

  it("come in the order of their use, without those that group nothing", async () => {
    const all = many(40, (i) => ({
      path: `${i}.jpg`,
      two: i % 2,
      half: i % 20,
      more: i % 21,
      folder: i % 15,
      label: i % 16,
    }));
    const { fields } = await facets(all);
    assert.deepEqual(
      fields.map(({ field }) => field),
      ["label", "folder", "two", "half"],
    );
    const few = await facets(all.slice(0, 16));
    assert.ok(few.fields.some(({ field, distinct }) => field === "path" && distinct === 16));
  });

  it("are of what fits the filter, of one field, of values that contain a text, and no more than asked for", async () => {
    const all = many(100, (i) => ({ name: `Photo ${i}`, group: `Group ${i % 4}`, even: i % 2 === 0 }));
    const even = await facets(all, { filter: { field: "even", eq: true } });
    assert.deepEqual([even.total, even.fields.map(({ field }) => field)], [50, ["even", "group"]]);
    const named = await facets(all, { field: "name", search: "pHOTO 1", limit: 3 });
    assert.deepEqual(named, {
      total: 100,
      fields: [
        {
          field: "name",
          distinct: 11,
          images: 100,
          values: ["Photo 1", "Photo 10", "Photo 11"].map((value) => ({ value, count: 1 })),
        },
      ],
    });
    const searched = await facets(all, { search: "up 3" });
    assert.deepEqual(searched.fields, [
      { field: "group", distinct: 1, images: 100, values: [{ value: "Group 3", count: 25 }] },
    ]);
    assert.deepEqual((await facets(all, { field: "none" })).fields, [
      { field: "none", distinct: 0, images: 0, values: [] },
    ]);
  });

  it("keep bounded numbers of values and fields", async () => {
    const all = many(120_000, (i) => ({ id: i, word: "x".repeat(i % 1200), group: i % 3 }));
    const { fields } = await facets(all);
    assert.deepEqual(
      fields.map(({ field }) => field),
      ["group", "word"],
    );
    const [one] = (await facets(all, { field: "id", limit: 1 })).fields;
    assert.deepEqual([one!.distinct, one!.images], [100_000, 120_000]);
    assert.equal((await facets(all, { field: "id", search: "119999" })).fields[0]!.distinct, 1);
    const long = "x".repeat(990);
    const wide = await facets(many(70_000, (i) => ({ text: `${long}${i % 34_999}`, group: i % 3 })));
    assert.deepEqual(
      wide.fields.map(({ field }) => field),
      ["group"],
    );
    const keys = await facets(
      many(20, (i) => Object.fromEntries(many(100, (j) => ({ j })).map((_, j) => [`${i}-${j}`, 1]))),
    );
    assert.equal(keys.fields.length, 100);
  });

  it("leave the event loop free", async () => {
    const all = many(100_000, (i) => ({ label: `l${i % 50}`, path: `/photos/${i}.jpg`, size: { width: i % 100 } }));
    let longest = 0;
    let last = performance.now();
    const watch = setInterval(() => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    }, 1);
    const paced = {
      count: async () => all.length,
      async *each() {
        for await (const batch of imagesOf(all).each()) {
          yield batch;
          await new Promise(setImmediate);
        }
      },
    };
    await countFacets({ field: "path", limit: 1000 }, paced);
    await countFacets({ limit: 50 }, paced);
    clearInterval(watch);
    assert.ok(longest < 500, `${longest} ms`); // 20 on a quiet machine
  });
});
