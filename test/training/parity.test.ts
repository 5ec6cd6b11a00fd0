import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { replay } from "../../training/parity.ts";

describe("parity with PyTorch", () => {
  for (const name of ["moco-v1", "moco-v2-split-bn"]) {
    it(`replays five steps of ${name} within tolerance`, async () => {
      const report = await replay(readFileSync(new URL(`../fixtures/${name}.safetensors`, import.meta.url)));
      assert.ok(report.passed, JSON.stringify(report));
    });
  }
});
