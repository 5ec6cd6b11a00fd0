// Choices of the user ↔ the server's filter.
import assert from "node:assert/strict";
import { choicesOf, filterOf, toggled } from "../../web/parts/choices.ts";

describe("choices of a filter", () => {
  it("are the same after they were a filter", () => {
    const choices = { values: new Map([["label", ["boat", 3, true]]]), from: "2026-03-29", to: "2026-10-25" };
    const filter = filterOf(choices)!;
    assert.deepEqual(choicesOf(JSON.parse(JSON.stringify(filter))), choices);
    assert.equal(filterOf({ values: new Map() }), undefined);
    assert.deepEqual(choicesOf(undefined), { values: new Map() });
  });

  it("hold a day as a whole", () => {
    const filter = filterOf({ values: new Map(), from: "2026-11-26", to: "2026-11-26" }) as { and: unknown[] };
    const start = new Date("2026-11-26T00:00").toISOString();
    const end = new Date("2026-11-27T00:00").toISOString();
    assert.deepEqual(filter.and, [
      { field: "$createdAt", gte: start },
      { field: "$createdAt", lt: end },
    ]);
  });

  it("are taken and given back", () => {
    const none = { values: new Map() };
    const one = toggled(none, "label", "boat");
    const two = toggled(one, "label", "car");
    assert.deepEqual([...two.values], [["label", ["boat", "car"]]]);
    assert.deepEqual(toggled(toggled(two, "label", "boat"), "label", "car"), none);
  });
});
