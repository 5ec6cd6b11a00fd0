import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { openSheets } from "../../../training/report/sheets.ts";

describe("the sheets of a run", () => {
  let folder: string;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  afterEach(() => remove());

  const kept = async () =>
    (await readdir(folder))
      .flatMap((name) => /^neighbours-(\d+)\.png$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  const png = (text: string) => new TextEncoder().encode(text);

  it("keep the first and the last measurement, and some between, however many there are", async () => {
    const sheets = await openSheets(folder, 0);
    await sheets.putViews(png("views"));
    for (let seen = 100; seen <= 10_000; seen += 100) {
      await sheets.putNeighbours(seen, png(String(seen)));
      const now = await kept();
      assert.ok(now.length <= 8 && now[0] === 100 && now.at(-1) === seen, String(now));
    }
    assert.equal(await readFile(join(folder, "views.png"), "utf8"), "views");
    assert.equal(await readFile(join(folder, "neighbours-100.png"), "utf8"), "100");
  });

  it("of a run that goes on lose what is done again", async () => {
    const first = await openSheets(folder, 0);
    for (const seen of [100, 200, 300]) await first.putNeighbours(seen, png("first"));
    const second = await openSheets(folder, 200);
    assert.deepEqual(await kept(), [100, 200]);
    await second.putNeighbours(200, png("second"));
    assert.deepEqual(await kept(), [100, 200]);
    assert.equal(await readFile(join(folder, "neighbours-200.png"), "utf8"), "second");
    await openSheets(folder, 0);
    assert.deepEqual(await kept(), []);
  });
});
