// The page without a mouse, in the dark, and while the encoder is down.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { type Generation, openGeneration } from "../../server/generation/generation.ts";
import { assertAccessible, assertNoSidewaysScroll, openPage, pick, usePage } from "../../support/page.ts";

describe("the page for everyone", function () {
  this.timeout(120_000);
  const generations: Generation[] = [];
  const test = usePage({
    async openGeneration(...given) {
      const generation = await openGeneration(...given);
      generations.push(generation);
      return generation;
    },
  });

  const searched = async (page: Page) => {
    await pick(page, "Choose an image", test.samples[0]!);
    await page.locator(".results .tile").first().waitFor();
  };

  it("has contrast enough in the dark, in every view", async () => {
    const { page, problems } = await openPage(test, { colorScheme: "dark" });
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
    await page.locator(".card.active summary").first().click();
    await page.locator(".card.active .curve svg").first().waitFor();
    await page.getByText("Hyper-parameters").first().click();
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
    const { page, problems } = await openPage(test);
    await searched(page);
    const tiles = page.locator(".results .tile");
    const summary = page.locator(".results .summary");
    const slider = page.getByRole("slider", { name: "Similarity" });
    await slider.focus();
    await page.keyboard.press("End");
    await summary.getByText(/^1 of 60 matches/).waitFor();
    await page.keyboard.press("Home");
    await summary.getByText(/^60 matches/).waitFor();

    const id = await tiles.nth(1).getAttribute("data-id");
    const focused = `document.activeElement?.closest(".tile")?.dataset.id`;
    for (let presses = 0; !(await page.evaluate(focused)); presses++) {
      assert.ok(presses < 80, "Tab reaches the results");
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("ArrowRight");
    assert.equal(await page.evaluate(focused), id);
    await page.keyboard.press("Enter");
    const similar = page.getByRole("button", { name: "Find similar", exact: true });
    for (let presses = 0; !(await similar.evaluate((button) => button.matches(":focus"))); presses++) {
      assert.ok(presses < 20, "Tab reaches what can be done with the image");
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/#/search?id=${id}`);
    await page.locator(`.results [data-id="${id}"]`).waitFor({ state: "detached" });
    await page.goBack();
    await page.locator(`.results [data-id="${id}"]`).waitFor();
    assert.deepEqual(problems, []);
  });

  it("says that the encoder is down while it is, and searches again afterwards", async () => {
    const { page } = await openPage(test);
    await page.locator(".wall img").first().waitFor();
    process.kill(generations[0]!.pid!, "SIGKILL");
    await pick(page, "Choose an image", test.samples[3]!);
    await page.getByText("and is being started again").first().waitFor();
    // It searches again by itself, and nothing is left of the message.
    await page.locator(".results .tile").first().waitFor({ timeout: 30_000 });
    await page.locator("#banner").waitFor({ state: "hidden" });
    await page.locator(".notice").waitFor({ state: "detached" });
  });
});
