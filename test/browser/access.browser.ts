// The page without a mouse, in the dark, with the pointer on the map, and while the encoder is down.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { type Generation, openGeneration } from "../../server/generation/generation.ts";
import { assertAccessible, assertNoSidewaysScroll, type PageTest, pick, preparePage } from "../../support/page.ts";

describe("the page for everyone", function () {
  this.timeout(120_000);
  let test: PageTest;
  const generations: Generation[] = [];

  before(async () => {
    test = await preparePage({
      async openGeneration(...given) {
        const generation = await openGeneration(...given);
        generations.push(generation);
        return generation;
      },
    });
  });
  after(() => test?.close());

  const searched = async (page: Page) => {
    await pick(page, "Choose an image", test.samples[0]!);
    await page.locator(".results .tile").first().waitFor();
  };

  it("has contrast enough in the dark, in every view", async () => {
    const { page, problems } = await test.browser.open(test.server.url, { colorScheme: "dark" });
    await page.locator(".wall img").first().waitFor();
    await assertAccessible(page);
    await searched(page);
    await assertAccessible(page);
    await page.goto(`${test.server.url}/#/collection`);
    await page.locator(".tile").first().waitFor();
    await assertAccessible(page);
    await page.goto(`${test.server.url}/#/map`);
    await page.getByText("100 images as model default sees them").waitFor({ timeout: 60_000 });
    await assertAccessible(page);
    await page.goto(`${test.server.url}/#/models`);
    await page.locator(".card.active .curve svg").first().waitFor();
    await page.locator(".card summary").first().click();
    await assertAccessible(page);
    await page.getByRole("button", { name: "Activate other" }).click();
    await page.getByRole("heading", { name: "Before and after" }).waitFor({ timeout: 60_000 });
    await assertAccessible(page);
    await assertNoSidewaysScroll(page);
    const { clientWidth, scrollWidth } = (await page.evaluate(
      "(({ clientWidth, scrollWidth }) => ({ clientWidth, scrollWidth }))(document.querySelector('.comparison .scroll'))",
    )) as { clientWidth: number; scrollWidth: number };
    assert.equal(scrollWidth, clientWidth, "both models' answers are seen side by side");
    await page.getByRole("button", { name: "Roll back to default" }).click();
    await page.locator(".card.active", { hasText: "default" }).waitFor({ timeout: 60_000 });
    assert.deepEqual(problems, []);
  });

  it("is used with the keyboard alone: threshold, a result, the way back", async () => {
    const { page, problems } = await test.browser.open(test.server.url);
    await searched(page);
    const tiles = page.locator(".results .tile");
    const all = await tiles.count();
    const slider = page.getByRole("slider", { name: "Similarity" });
    await slider.focus();
    await page.keyboard.press("End");
    await page.waitForFunction(`document.querySelectorAll(".results .tile").length === 1`);
    await page.keyboard.press("Home");
    await page.waitForFunction(`document.querySelectorAll(".results .tile").length === ${all}`);

    const second = tiles.nth(1);
    const id = await second.getAttribute("data-id");
    const focused = `document.activeElement?.closest(".tile")?.dataset.id === ${JSON.stringify(id)}`;
    for (let presses = 0; !(await page.evaluate(focused)); presses++) {
      assert.ok(presses < 60, "Tab reaches the second result");
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/#/search?id=${id}`);
    await page.locator(`.results [data-id="${id}"]`).waitFor({ state: "detached" });
    await page.goBack();
    await page.locator(`.results [data-id="${id}"]`).waitFor();
    assert.deepEqual(problems, []);
  });

  it("shows images on the map, more of them closer up, and searches with the one that is clicked", async () => {
    const { page, problems } = await test.browser.open(`${test.server.url}/#/map`);
    const shown = new Set<string>();
    page.on("response", (response) => {
      if (response.url().includes("/content?size=96")) shown.add(response.url());
    });
    await page.getByText("100 images as model default sees them").waitFor({ timeout: 60_000 });
    const far = await waitForMore(shown, 0);
    await page.getByRole("button", { name: "Zoom in" }).click();
    await page.getByRole("button", { name: "Zoom in" }).click();
    await waitForMore(shown, far);
    await page.getByRole("button", { name: "Show the whole map" }).click();

    const box = (await page.locator(".map-stage canvas").boundingBox())!;
    const preview = page.locator(".map-preview");
    for (let place = 0; !(await preview.isVisible()); place++) {
      assert.ok(place < 400, "the pointer finds an image");
      await page.mouse.move(
        box.x + ((place % 20) + 0.5) * (box.width / 20),
        box.y + (Math.floor(place / 20) + 0.5) * (box.height / 20),
      );
    }
    const id = await preview.getAttribute("data-id");
    await page.mouse.down();
    await page.mouse.up();
    await page.waitForURL(`**/#/search?id=${id}`);
    await page.locator(".results .tile").first().waitFor();
    assert.deepEqual(problems, []);
  });

  it("says that the encoder is down while it is, and searches again afterwards", async () => {
    const { page } = await test.browser.open(test.server.url);
    await page.locator(".wall img").first().waitFor();
    process.kill(generations[0]!.pid!, "SIGKILL");
    await pick(page, "Choose an image", test.samples[3]!);
    await page.getByText("and is being started again").first().waitFor();
    const again = page.getByRole("button", { name: "Try again" });
    const tile = page.locator(".results .tile").first();
    for (let tries = 0; !(await tile.isVisible()); tries++) {
      assert.ok(tries < 100, "it answers again");
      if (await again.isVisible()) await again.click();
      await page.waitForTimeout(200);
    }
    await page.locator("#banner").waitFor({ state: "hidden" });
  });
});

/** Waits until there are more than `count` and no new ones come. */
async function waitForMore(shown: ReadonlySet<string>, count: number): Promise<number> {
  for (let before = -1, waited = 0; shown.size <= count || shown.size !== before; waited++) {
    assert.ok(waited < 100, `${shown.size} images shown, more than ${count} expected`);
    before = shown.size;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return shown.size;
}
