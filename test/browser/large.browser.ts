// The page on a large collection: nothing of it is loaded at once but the map's points.
import assert from "node:assert/strict";
import { join } from "node:path";
import { type RunningServer, start } from "../../server/index.ts";
import { startBrowser, type TestBrowser } from "../../support/browser.ts";
import { assertAccessible, lasso } from "../../support/page.ts";
import { writeSyntheticData } from "../../support/synthetic.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const IMAGES = Number(process.env.MOCO_BROWSER_IMAGES ?? 100_000);

describe(`the page on ${IMAGES.toLocaleString("en")} images`, function () {
  this.timeout(900_000);
  let server: RunningServer;
  let browser: TestBrowser;
  let remove: () => Promise<void>;

  before(async () => {
    const temporary = await temporaryFolder();
    remove = temporary.remove;
    const { folder } = temporary;
    await writeSyntheticData(folder, IMAGES);
    server = await start({ data: join(folder, "data"), models: join(folder, "models"), port: 0, logLevel: "silent" });
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    await remove?.();
  });

  /** These images have no files: that their thumbnails are missing is no problem of the page. */
  const withoutThumbnails = (problems: readonly string[]) => problems.filter((text) => !text.includes("status of 500"));

  it("counts and scrolls, with few of them in the document", async () => {
    const { page, problems } = await browser.open(`${server.url}/#/collection`);
    await page.getByText(`${IMAGES.toLocaleString("en")} images`, { exact: true }).waitFor({ timeout: 60_000 });
    for (let screens = 0; screens < 30; screens++) {
      await page.mouse.wheel(0, 2500);
      await page.waitForTimeout(100);
      const shown = await page.locator(".tile").count();
      assert.ok(shown > 0 && shown < 200, `${shown} tiles in the document`);
    }
    const position = Number(await page.locator(".tile").last().getAttribute("aria-posinset"));
    assert.ok(position > 1000, `scrolled to image ${position}`);
    assert.deepEqual(withoutThumbnails(problems), []);
  });

  it("shows a point for each on the map, and chooses among them with a line", async () => {
    const { page, problems } = await browser.open(`${server.url}/#/map`);
    await page.getByText(/images as model default sees them/).waitFor({ timeout: 600_000 });
    const summary = await page.locator(".map .summary").textContent();
    assert.ok(summary!.startsWith(IMAGES.toLocaleString("en")), summary!);
    await assertAccessible(page);
    const count = await lasso(page, [0.3, 0.3, 0.7, 0.7]);
    assert.ok(count > IMAGES / 50 && count < IMAGES, `${count} inside the line`);
    assert.deepEqual(withoutThumbnails(problems), []);
  });
});
