// The collection in a browser: adding, browsing, choosing many images and acting on them.
import assert from "node:assert/strict";
import { SIZES } from "../../support/browser.ts";
import {
  assertAccessible,
  assertNoSidewaysScroll,
  choose,
  listImages,
  openPage,
  pick,
  storeSamples,
  usePage,
  waitUntil,
} from "../../support/page.ts";

describe("the page's collection", function () {
  this.timeout(120_000);
  const test = usePage();

  /** A page on a server of its own with some of the samples. */
  const withSamples = async (count: number, run: (url: string) => Promise<void>) => {
    const server = await test.startServer();
    try {
      await storeSamples(server.url, test.samples.slice(0, count));
      await run(server.url);
    } finally {
      await server.close();
    }
  };

  for (const [size, viewport] of Object.entries(SIZES)) {
    describe(`at ${size} width`, () => {
      const open = (hash: string, url = test.server.url) => openPage(test, { hash, url, viewport });

      it("fills an empty collection, names the file that was refused, deletes and undoes", () =>
        withSamples(0, async (url) => {
          const { page, problems } = await open("#/collection", url);
          await page.getByRole("heading", { name: "No images yet" }).waitFor();
          await assertAccessible(page);
          const broken = { name: "broken.png", mimeType: "image/png", buffer: test.samples[0]!.buffer.subarray(0, 90) };
          await pick(page, "Add images", [...test.samples.slice(0, 20), broken]);
          await page.getByText("Added 20 images · 1 file was refused").waitFor();
          assert.match((await page.locator(".failures").textContent())!, /^broken\.png Expected a whole image file/);
          await page.getByText("20 images", { exact: true }).waitFor();
          await assertAccessible(page);
          await assertNoSidewaysScroll(page);

          const remove = async () => {
            await page.locator(".tile .picture").first().click();
            await page.getByRole("button", { name: "Delete", exact: true }).click();
            await page.getByText("19 images", { exact: true }).waitFor();
          };
          await remove();
          await page.getByRole("button", { name: "Undo" }).click();
          await page.getByText("20 images", { exact: true }).waitFor();
          assert.equal((await listImages(url)).length, 20);
          await remove();
          assert.equal((await listImages(url)).length, 20); // not yet
          await page.goto("about:blank"); // leaving is not undoing
          while ((await listImages(url)).length > 19) await new Promise((resolve) => setTimeout(resolve, 50));
          assert.deepEqual(problems, []);
        }));

      it("chooses a range and acts on it: tags, undoes, packs, lists, deletes", () =>
        withSamples(30, async (url) => {
          const { page, problems } = await open("#/collection", url);
          await page.getByText("30 images", { exact: true }).waitFor();
          // A finger cannot hover: a button makes taps choose.
          await page.getByRole("button", { name: "Select", exact: true }).click();
          await page.locator(".tile .picture").nth(1).click();
          await choose(page, 4, ["Shift"]);
          const bar = page.getByRole("region", { name: "Selection" });
          await bar.getByText("4 selected").waitFor();
          await assertAccessible(page);
          await assertNoSidewaysScroll(page);

          const packed = page.waitForEvent("download");
          await bar.getByRole("button", { name: "Download" }).click();
          assert.equal((await packed).suggestedFilename(), "images.zip");
          const listed = page.waitForEvent("download");
          await bar.getByRole("button", { name: "List of ids" }).click();
          assert.equal((await listed).suggestedFilename(), "images.csv");

          const tagged = async () => (await listImages(url)).filter(({ metadata }) => metadata.keep === "yes").length;
          await bar.getByRole("button", { name: "Tag" }).click();
          await page.getByLabel("Field", { exact: true }).fill("keep");
          await page.getByLabel("Value").fill("yes");
          await assertAccessible(page);
          await page.getByRole("button", { name: "Tag", exact: true }).last().click();
          await page.getByText("Tagged 4 images").waitFor();
          assert.equal(await tagged(), 4);
          await page.getByRole("button", { name: "Undo" }).click();
          while ((await tagged()) > 0) await page.waitForTimeout(50);

          await page.locator(".toast").waitFor({ state: "detached" });
          await choose(page, 0);
          await choose(page, 2);
          await bar.getByRole("button", { name: "Delete" }).click();
          await page.getByText("28 images", { exact: true }).waitFor();
          await page.getByText("Deleted 2 images").waitFor();
          await page.getByRole("button", { name: "Undo" }).click();
          await page.getByText("30 images", { exact: true }).waitFor();
          await waitUntil(page, "document.activeElement.matches('.tile .picture')"); // not lost with the button
          assert.deepEqual(problems, []);
        }));

      it("narrows by label and by day, and keeps that in the address", async () => {
        const { page, problems } = await open("#/collection");
        await page.getByText("100 images", { exact: true }).waitFor();
        await page.getByText("Filter").first().click();
        const label = test.samples[0]!.label;
        await page.locator(".facet", { hasText: label }).first().click();
        await page.getByText("10 images that fit").waitFor();
        await assertAccessible(page);
        await page.reload();
        await page.getByText("10 images that fit").waitFor();
        await page.getByLabel("to", { exact: true }).fill("2020-01-01");
        await page.getByRole("heading", { name: "No image fits" }).waitFor();
        await page.getByRole("button", { name: "Show all" }).click();
        await page.getByText("100 images", { exact: true }).waitFor();
        const first = await page.locator(".tile").first().getAttribute("data-id");
        await page.getByLabel("Order").selectOption("oldest");
        await page.locator(`.tile:first-child:not([data-id="${first}"])`).waitFor();
        assert.deepEqual(problems, []);
      });

      it("shows near-duplicates with what one needs to choose, and keeps the largest", () =>
        withSamples(10, async (url) => {
          const { page, problems } = await open("#/collection", url);
          await page.getByText("10 images", { exact: true }).waitFor();
          await pick(page, "Add images", [...test.samples.slice(0, 2)]);
          await page.getByText("12 images", { exact: true }).waitFor();
          await page.getByRole("button", { name: "Near-duplicates" }).click();
          await page.locator("#alike").fill("1");
          await page.getByText("The same bytes").first().waitFor();
          await page.getByText("2 groups").waitFor();
          assert.match((await page.locator(".duplicates .badge").first().textContent())!, /^28 × 28, \d+ bytes$/);
          await assertAccessible(page);
          await page.getByRole("button", { name: "Keep the largest of each of these groups" }).click();
          await page.getByText("Deleted 2 images").waitFor();
          await page.getByText("10 images", { exact: true }).waitFor();
          assert.deepEqual(problems, []);
        }));
    });
  }

  it("is used with the keyboard alone: to an image, over a range, and away with it", () =>
    withSamples(40, async (url) => {
      const { page, problems } = await openPage(test, { hash: "#/collection", url });
      await page.getByText("40 images", { exact: true }).waitFor();
      const idOf = (position: number) => page.locator(".tile").nth(position).getAttribute("data-id");
      const focused = () => page.evaluate("document.activeElement.closest('.tile')?.dataset.id");
      for (let presses = 0; (await focused()) !== (await idOf(0)); presses++) {
        assert.ok(presses < 30, "Tab reaches the first image");
        await page.keyboard.press("Tab");
      }
      await page.keyboard.press("ArrowRight");
      assert.equal(await focused(), await idOf(1));
      await page.keyboard.press("ArrowDown");
      await page.keyboard.press("ArrowUp");
      assert.equal(await focused(), await idOf(1));
      await page.keyboard.press("Shift+ArrowRight");
      await page.keyboard.press("Shift+ArrowRight");
      await page.getByText("3 selected").waitFor();
      await page.keyboard.press("Space");
      await page.getByText("2 selected").waitFor();
      await page.keyboard.press("Escape");
      await page.getByText("selected").waitFor({ state: "detached" });
      await page.keyboard.press("Control+a");
      await page.getByText("40 selected").waitFor();
      await page.keyboard.press("Escape");
      await page.keyboard.press("End");
      assert.equal(await focused(), (await listImages(url)).at(-1)!.id);
      await page.keyboard.press("Enter");
      await page.locator(".pswp").waitFor();
      await page.keyboard.press("Escape");
      await page.locator(".pswp").waitFor({ state: "detached" });
      assert.deepEqual(problems, []);
    }));

  it("is where the reader left it after a search", async () => {
    const { page } = await openPage(test, { hash: "#/collection", viewport: { width: 700, height: 500 } });
    await page.getByText("100 images", { exact: true }).waitFor();
    await page.mouse.wheel(0, 900);
    await waitUntil(page, "scrollY > 500");
    await page.waitForTimeout(300);
    const place = await page.evaluate("scrollY");
    await page.getByRole("link", { name: "Models" }).click();
    await page.locator(".card.active").waitFor();
    await page.goBack();
    await waitUntil(page, `Math.abs(scrollY - ${place}) < 5`);
  });
});
