import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

describe("moco-search demo", () => {
  it("does all that the product does and ends with one line of JSON", async () => {
    const flags = ["--import", "tsx", "cli/main.ts", "demo", "--minutes", "0.1", "--json"];
    const { stdout } = await run(process.execPath, flags, { timeout: 240_000 });
    const outcome = JSON.parse(stdout.trim().split("\n").at(-1)!);
    const { precisionAt10, ...rest } = outcome;
    assert.deepEqual(Object.keys(precisionAt10).sort(), ["after", "before", "pixels"]);
    for (const value of Object.values(precisionAt10)) assert.ok((value as number) > 0.5 && (value as number) < 1);
    assert.equal(rest.failedDuringSwap, 0);
    assert.ok(rest.requestsDuringSwap >= 100, `only ${rest.requestsDuringSwap} requests during the swap`);
    for (const key of ["trainImagesPerSecond", "uploadImagesPerSecond", "searchMsMedian", "swapSeconds"]) {
      assert.ok(rest[key] > 0, key);
    }
  }).timeout(250_000);
});
