import assert from "node:assert/strict";
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { readSamples } from "../../cli/demo/samples.ts";
import { runCli } from "../../support/run-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const LABELS = ["bag", "dress", "sneaker", "trouser"];

/** Writes every tenth sample image of some labels to `folder`, for a fiftieth of the time. */
async function writeFewSamples(folder: string): Promise<void> {
  for (const part of ["collection", "queries"] as const) {
    for (const [i, { name, bytes, label }] of (await readSamples(part)).entries()) {
      if (i % 10 > 0 || !LABELS.includes(label)) continue;
      const path = join(folder, part, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes);
    }
  }
}

describe("moco-search demo", () => {
  it("does all that the product does and ends with one line of JSON", async () => {
    const { folder, remove } = await temporaryFolder();
    await writeFewSamples(folder);
    const args = ["demo", "--minutes", "0.02", "--json", "--samples", folder];
    const { stdout, stderr } = await runCli(args, { timeout: 240_000 });
    await remove();
    assert.notEqual(stdout, "", stderr);
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
