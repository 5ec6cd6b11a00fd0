import assert from "node:assert/strict";
import { labelFolder } from "../../../server/trainings/images.ts";

describe("the folder of an image of a training", () => {
  it("is its label, or unlabelled", () => {
    assert.equal(labelFolder({ label: "red shoes" }), "red shoes");
    assert.equal(labelFolder({ label: "Schuhe, größer" }), "Schuhe%2c größer");
    assert.equal(labelFolder({ label: 7 }), "7");
    for (const label of [undefined, null, "", [], {}]) assert.equal(labelFolder({ label }), "unlabelled");
  });

  it("is a safe name, another one for another label", () => {
    const labels = [
      "..",
      ".",
      ".hidden",
      "a/b",
      "a\\b",
      "a%2fb",
      "a\0b",
      "a ",
      "a.",
      "a",
      "x".repeat(500),
      "x".repeat(501),
    ];
    const folders = [...labels, "魚".repeat(300), "😀"].map((label) => labelFolder({ label }));
    for (const folder of folders) {
      assert.match(folder, /^[^./\\\0][^/\\\0]*$/);
      assert.doesNotMatch(folder, /[ .]$/);
      assert.ok(Buffer.byteLength(folder) <= 200, folder);
    }
    assert.equal(new Set(folders).size, folders.length);
  });
});
