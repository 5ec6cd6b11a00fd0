// The page on a few thousand pictures as cameras take them: of all shapes, with dates, some of them taken twice.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { type Client, createClient } from "../../client/index.ts";
import { packageRoot } from "../../core/paths.ts";
import { type RunningServer, start } from "../../server/index.ts";
import { SIZES, startBrowser, type TestBrowser } from "../../support/browser.ts";
import { assertAccessible, assertNoSidewaysScroll, choose, lasso } from "../../support/page.ts";
import { storePhotographs } from "../../support/photographs/photographs.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";

const PHOTOGRAPHS = Number(process.env.MOCO_BROWSER_PHOTOGRAPHS ?? 3000);
const ALL = `${PHOTOGRAPHS.toLocaleString("en")} images`;

describe(`the page on ${PHOTOGRAPHS.toLocaleString("en")} photographs`, function () {
  this.timeout(600_000);
  let server: RunningServer;
  let client: Client;
  let browser: TestBrowser;
  let remove: () => Promise<void>;

  before(async () => {
    const temporary = await temporaryFolder();
    remove = temporary.remove;
    const models = join(packageRoot(), "models");
    server = await start({ data: join(temporary.folder, "data"), models, port: 0, logLevel: "silent" });
    client = createClient(server.url);
    await storePhotographs(server.url, PHOTOGRAPHS);
    browser = await startBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.close();
    await remove?.();
  });

  it("finds scenes of the same kind", async () => {
    const { images } = await client.listImages({ limit: 60 });
    let alike = 0;
    for (const { id, metadata } of images) {
      const { matches } = await client.search({ id, k: 10 });
      alike += matches.filter((match) => match.metadata.label === metadata.label).length;
    }
    const precision = alike / (10 * images.length);
    assert.ok(precision > 0.5, `precision@10 is ${precision}`); // by chance 0.14
  });

  for (const [size, colorScheme] of [
    ["desktop", "light"],
    ["phone", "dark"],
  ] as const) {
    describe(`at ${size} width, ${colorScheme}`, () => {
      const open = (hash = "") =>
        browser.open(`${server.url}/${hash}`, { viewport: SIZES[size], colorScheme, hasTouch: size === "phone" });
      const looksRight = async (page: Page) => {
        await assertAccessible(page);
        await assertNoSidewaysScroll(page);
      };

      it("shows what a search finds, and shows it large", async () => {
        const { page, problems } = await open();
        await page.locator(".wall img.loaded").first().waitFor();
        await looksRight(page);
        await page.locator(".wall a").first().click();
        const tiles = page.locator(".results .tile");
        await tiles.first().locator("img.loaded").waitFor();
        const shown = await tiles.evaluateAll((all) => all.map((tile) => tile.getAttribute("data-id")));
        const [image] = (await client.listImages({ limit: 1 })).images;
        const { matches } = await client.search({ id: image!.id });
        assert.deepEqual(
          shown.slice(0, 10),
          matches.slice(0, 10).map(({ id }) => id),
        );
        await looksRight(page);
        await tiles.first().locator(".picture").click();
        const facts = page.getByRole("complementary", { name: "About this image" });
        await facts.getByText(/^JPEG, \d+ kB/).waitFor();
        await facts.getByText("taken", { exact: true }).waitFor();
        await assertAccessible(page);
        await page.keyboard.press("ArrowRight");
        await facts.getByText((await tiles.nth(1).getAttribute("data-id"))!).waitFor();
        await page.keyboard.press("Escape");
        await page.locator(".pswp").waitFor({ state: "detached" });
        assert.deepEqual(problems, []);
      });

      it("scrolls to the end, and every picture that is seen is there", async () => {
        const { page, problems } = await open("#/collection");
        await page.getByText(ALL, { exact: true }).waitFor();
        const last = page.locator(`[aria-posinset="${PHOTOGRAPHS}"]`);
        for (let turns = 0; !(await last.isVisible()); turns++) {
          assert.ok(turns < 400, "the end comes");
          await page.mouse.wheel(0, 4000);
          await page.waitForTimeout(50);
        }
        await last.locator("img.loaded").waitFor();
        await looksRight(page);
        assert.deepEqual(problems, []);
      });

      it("stops loading pictures that have been scrolled past", async () => {
        const { page, problems } = await open("#/collection");
        const first = (await page.locator(".tile img[src]").first().elementHandle())!;
        for (let turns = 0; await first.evaluate((image) => image.isConnected); turns++) {
          assert.ok(turns < 100, "it leaves the document");
          await page.mouse.wheel(0, 300);
        }
        assert.equal(await first.getAttribute("src"), null, "without an address a browser gives up the request");
        assert.deepEqual(problems, []);
      });

      it("narrows by what is known of them, and chooses a range", async () => {
        const { page, problems } = await open("#/collection");
        await page.getByText(ALL, { exact: true }).waitFor();
        await page.getByText("Filter").first().click();
        const facet = page.locator(".facet", { hasText: "coast" }).first();
        const count = Number((await facet.locator("small").textContent())!.replaceAll(",", ""));
        assert.ok(count > PHOTOGRAPHS / 12 && count < PHOTOGRAPHS / 4, `${count} of the coast`);
        await facet.click();
        await page.getByText(`${count.toLocaleString("en")} images that fit`).waitFor();
        await page.locator(".tile img.loaded").first().waitFor();
        await looksRight(page);
        await page.getByRole("button", { name: "Select", exact: true }).click();
        await page.locator(".tile .picture").first().click();
        await choose(page, 5, ["Shift"]);
        await page.getByText("6 selected").waitFor();
        await looksRight(page);
        await page.getByRole("button", { name: "Find similar", exact: true }).click();
        await page.locator(".results .tile").first().waitFor();
        assert.deepEqual(problems, []);
      });

      it("finds those that were taken twice", async () => {
        const { page, problems } = await open("#/collection");
        await page.getByText(ALL, { exact: true }).waitFor();
        await page.getByRole("button", { name: "Near-duplicates" }).click();
        await page.locator("#alike").fill("0.99");
        const summary = page.locator(".duplicates .summary").getByText(/^[\d,]+ groups?/);
        await summary.waitFor({ timeout: 120_000 });
        const groups = Number((await summary.textContent())!.split(" ")[0]!.replaceAll(",", ""));
        assert.ok(groups >= PHOTOGRAPHS / 100, `${groups} groups`);
        await page.locator(".duplicates img.loaded").first().waitFor();
        await looksRight(page);
        assert.deepEqual(problems, []);
      });

      it("lays them out on the map, by label and by similarity, and takes a line around some", async () => {
        const { page, problems } = await open("#/map");
        await page.getByText(/images as model default sees them/).waitFor({ timeout: 300_000 });
        await page.locator(".legend", { hasText: "mountains" }).waitFor();
        await looksRight(page);
        const inside = await lasso(page, [0.25, 0.25, 0.75, 0.75]);
        assert.ok(inside > PHOTOGRAPHS / 50 && inside < PHOTOGRAPHS, `${inside} inside the line`);
        await page.keyboard.press("Escape");
        const id = await page.locator(".lassoed .tile").first().getAttribute("data-id");
        await page.goto(`${server.url}/#/map?id=${id}`);
        await page.locator(".legend .ramp").waitFor();
        await looksRight(page);
        assert.deepEqual(problems, []);
      });
    });
  }

  it("opens a picture wherever a finger touches it", async () => {
    const phone = { viewport: SIZES.phone, hasTouch: true, isMobile: true };
    const { page, problems } = await browser.open(`${server.url}/#/collection`, phone);
    const picture = page.locator(".tile .picture").nth(1);
    const { width } = (await picture.boundingBox())!;
    await picture.tap({ position: { x: width - 15, y: 15 } });
    const facts = page.getByRole("complementary", { name: "About this image" });
    await facts.getByRole("button", { name: /similar/i }).waitFor();
    assert.deepEqual(problems, []);
  });
});
