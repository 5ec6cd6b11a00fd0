import assert from "node:assert/strict";
import { createEntryNames } from "../../../../server/collection/archive/entry-names.ts";

describe("names in an archive", () => {
  const cases: ReadonlyArray<readonly [given: unknown, name: string]> = [
    ["holiday.jpg", "holiday.jpg"],
    ["Holiday.JPEG", "Holiday.JPEG"],
    ["holiday.png", "holiday.jpg"],
    ["holiday", "holiday.jpg"],
    ["v1.2", "v1.2.jpg"],
    ["../../etc/passwd", "passwd.jpg"],
    ["C:\\photos\\sea.jpg", "sea.jpg"],
    ["..", "id.jpg"],
    [".hidden.jpg", "hidden.jpg"],
    [".jpg", "jpg.jpg"],
    ["a\u0000b\u001b[31m\u202egpj.exe", "a_b_[31m_gpj.exe.jpg"],
    ["a:b*c?.jpg", "a_b_c_.jpg"],
    ["\ud800.jpg", "_.jpg"],
    ["  . ", "id.jpg"],
    ["", "id.jpg"],
    [7, "id.jpg"],
    [undefined, "id.jpg"],
    ["e\u0301.jpg", "é.jpg"],
  ];
  for (const [given, expected] of cases) {
    it(`${JSON.stringify(given)} is called ${expected}`, () => {
      const name = createEntryNames()({ id: "id", type: "jpeg", metadata: { name: given } });
      assert.equal(name, expected);
    });
  }

  it("are not longer than file systems take, and no half characters", () => {
    const name = createEntryNames()({
      id: "id",
      type: "png",
      metadata: { name: "é".repeat(101).concat("€".repeat(99)) },
    });
    assert.equal(name, `${"é".repeat(100)}.png`);
    const odd = createEntryNames()({ id: "id", type: "png", metadata: { name: `a${"é".repeat(150)}` } });
    assert.equal(odd, `a${"é".repeat(99)}.png`);
  });

  it("are given once, whatever their case, and quickly where all are the same", () => {
    const nameOf = createEntryNames();
    const next = (name: string) => nameOf({ id: "id", type: "jpeg", metadata: { name } });
    const names = ["a.jpg", "A.JPG", "a (2).jpg", "a.jpg"].map(next);
    assert.deepEqual(names, ["a.jpg", "A (2).JPG", "a (2) (2).jpg", "a (3).jpg"]);
    const many = Array.from({ length: 10_000 }, () => next("b.jpg"));
    assert.equal(many.at(-1), "b (10000).jpg");
  });
});
