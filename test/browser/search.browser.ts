// Searching in a browser, on a real server, at desktop and phone width.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import sharp from "sharp";
import { SIZES } from "../../support/browser.ts";
import {
  assertAccessible,
  assertNoSidewaysScroll,
  type File,
  openPage,
  pick,
  usePage,
  waitUntil,
} from "../../support/page.ts";

describe("the page's search", function () {
  this.timeout(120_000);
  const test = usePage();

  for (const [size, viewport] of Object.entries(SIZES)) {
    describe(`at ${size} width`, () => {
      const open = (hash = "") => openPage(test, { hash, viewport });
      const controls = async (page: Page) => {
        if (size === "phone") await page.getByText("Threshold and filter").click();
      };

      it("searches with a picked image, and again with a result", async () => {
        const { page, problems } = await open();
        await page.getByRole("heading", { name: "Find images that look alike" }).waitFor();
        await page.locator(".wall img").first().waitFor();
        await assertAccessible(page);
        await pick(page, "Choose an image", test.samples[0]!);
        const tiles = page.locator(".results .tile");
        await tiles.first().waitFor();
        assert.match((await tiles.first().textContent())!, /1\.000/);
        assert.match(
          (await page.locator(".results .summary").textContent())!,
          /60 matches in \d+ ms · model default, generation 1/,
        );
        await assertAccessible(page);
        await assertNoSidewaysScroll(page);
        const id = await tiles.nth(1).getAttribute("data-id");
        await tiles.nth(1).hover();
        await tiles
          .nth(1)
          .getByRole("button", { name: /^Find images similar/ })
          .click();
        await page.waitForURL(`**/#/search?id=${id}`);
        await page.locator(`.results [data-id="${id}"]`).waitFor({ state: "detached" });
        await tiles.first().waitFor();
        await page.goBack();
        await page.locator(`.results [data-id="${id}"]`).waitFor();
        // The query file is in this browser: a reload asks with it again.
        await page.reload();
        await page.locator(`.results [data-id="${id}"]`).waitFor();
        assert.deepEqual(problems, []);
      });

      it("narrows by threshold, by metadata, by a box and by examples", async () => {
        const { page, problems } = await open();
        await pick(page, "Choose an image", test.samples[0]!);
        const tiles = page.locator(".results .tile");
        const summary = page.locator(".results .summary");
        await summary.getByText("60 matches").waitFor();
        await controls(page);
        await page.locator("#threshold").fill("0.95");
        await summary.getByText(/^\d+ of 60 matches/).waitFor();
        await page.getByRole("button", { name: "Show all" }).first().click();
        await summary.getByText(/^60 matches/).waitFor();

        const facet = page.locator(".facet").first();
        const value = (await facet.locator("span").textContent())!.trim().split(/\s/)[0]!;
        await facet.click();
        await summary.getByText(/^10 matches/).waitFor(); // of the whole collection, not of the sixty
        const names = new Set(await page.locator(".results .name").allTextContents());
        assert.deepEqual([...names], [value]);
        await facet.click();
        await summary.getByText(/^60 matches/).waitFor();

        const canvas = page.getByRole("application", { name: "Query image" });
        await canvas.focus();
        for (const key of ["ArrowLeft", "Shift+ArrowRight", "Enter"]) await page.keyboard.press(key);
        await page.getByRole("button", { name: "Search the whole image" }).waitFor();
        const box = (await canvas.boundingBox())!;
        await page.mouse.move(box.x + 10, box.y + 10);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 3 });
        const searched = page.waitForResponse("**/v1/search/image");
        await page.mouse.up();
        assert.equal((await searched).status(), 200);
        await page.getByRole("button", { name: "Search the whole image" }).click();
        await page.locator(".results[aria-busy]").waitFor({ state: "detached" });

        const moved = page.waitForResponse("**/v1/search/image");
        await tiles.nth(3).hover();
        await tiles.nth(3).getByRole("button", { name: "More like this" }).click();
        assert.equal((await moved).status(), 200);
        await page.locator(".results[aria-busy]").waitFor({ state: "detached" });
        await tiles.nth(5).hover();
        await tiles.nth(5).getByRole("button", { name: "Less like this" }).click();
        await page.getByText("2 examples moved the query.").waitFor();
        await page.locator(".results[aria-busy]").waitFor({ state: "detached" });
        await assertAccessible(page);
        assert.deepEqual(problems, []);
      });

      it("opens a match as large as the screen, and goes from there to a search by a part of it", async () => {
        const { page, problems } = await open();
        await page.locator(".wall a").first().click();
        const tiles = page.locator(".results .tile");
        await tiles.first().locator(".picture").click();
        const facts = page.getByRole("complementary", { name: "About this image" });
        await facts.getByText("Score").waitFor();
        await facts.getByText("28 × 28").waitFor();
        await facts.getByText(/^PNG, \d+ bytes/).waitFor();
        await facts.getByRole("button", { name: "More like this" }).waitFor();
        await assertAccessible(page);
        const [first, second] = [
          await tiles.nth(0).getAttribute("data-id"),
          await tiles.nth(1).getAttribute("data-id"),
        ];
        await facts.getByText(first!).waitFor();
        await page.keyboard.press("ArrowRight");
        await facts.getByText(second!).waitFor();
        await page.keyboard.press("Escape");
        await page.locator(".pswp").waitFor({ state: "detached" });
        // The focus is where the eye is: on the image that was seen last.
        const focused = await page.evaluate("document.activeElement.closest('.tile')?.dataset.id");
        assert.equal(focused, second);

        await page.keyboard.press("Enter");
        const saved = page.waitForEvent("download");
        await facts.getByRole("button", { name: "Download" }).click();
        assert.match((await saved).suggestedFilename(), /\.png$/);
        await facts.getByRole("button", { name: "Search by part" }).click();
        await page.waitForURL(`**/#/search?id=${second}&part=`);
        const canvas = page.getByRole("application", { name: "Query image" });
        await waitUntil(page, "document.activeElement.tagName === 'CANVAS'");
        await canvas.press("ArrowLeft");
        const searched = page.waitForResponse("**/v1/search/image");
        await canvas.press("Enter");
        assert.equal((await searched).status(), 200);
        assert.deepEqual(problems, []);
      });

      it("shows the shape of a thing that is clicked on, and searches with it", async () => {
        const { page, problems } = await open();
        const scene = await sharp(await plain(300, 400, "#285a8c"))
          .composite([{ input: await plain(140, 140, "#d04030"), left: 90, top: 200 }])
          .png()
          .toBuffer();
        await pick(page, "Choose an image", { name: "scene.png", mimeType: "image/png", buffer: scene });
        await page.locator(".results .tile").first().waitFor();
        const canvas = page.getByRole("application", { name: "Query image" });
        const { x, y, width, height } = (await canvas.boundingBox())!;
        const shown = { width: Math.min(width, (height * 3) / 4), height: Math.min(height, (width * 4) / 3) };
        const [left, top] = [x + (width - shown.width) / 2, y + (height - shown.height) / 2];
        const searched = page.waitForResponse("**/v1/search/image");
        const segmented = page.waitForResponse("**/v1/segments/image");
        await page.mouse.click(left + (160 / 300) * shown.width, top + (270 / 400) * shown.height);
        assert.equal((await segmented).status(), 200);
        assert.equal((await searched).status(), 200);
        await page.getByRole("button", { name: "Search the whole image" }).waitFor();
        /** Red and blue of the canvas at a place of the picture. */
        const colourAt = (px: number, py: number) =>
          page.evaluate<number[]>(`(() => {
            const { width, height } = document.querySelector(".query-picture canvas");
            const context = document.querySelector(".query-picture canvas").getContext("2d");
            return [...context.getImageData(${px / 300} * width, ${py / 400} * height, 1, 1).data].filter((_, i) => i % 2 === 0);
          })()`);
        await waitUntil(
          page,
          `document.querySelector(".query-picture canvas").getContext("2d").getImageData(5, 5, 1, 1).data[2] < 100`,
        );
        assert.ok((await colourAt(160, 270))[0]! > 190, "the thing is as bright as it was");
        assert.ok((await colourAt(30, 30))[1]! < 60, "what is around it is dark");
        await page.getByRole("button", { name: "Search the whole image" }).click();
        await waitUntil(
          page,
          `document.querySelector(".query-picture canvas").getContext("2d").getImageData(5, 5, 1, 1).data[2] > 100`,
        );
        const bySegment = page.waitForResponse("**/v1/segments/image");
        await canvas.press("s");
        assert.equal((await bySegment).status(), 200);
        await page.locator(".results[aria-busy]").waitFor({ state: "detached" });
        await assertAccessible(page);

        await page.goto(
          `${page.url().replace(/#.*/, "")}#/search?id=${await page.locator(".results .tile").first().getAttribute("data-id")}`,
        );
        const ofStored = page.waitForResponse("**/v1/segments");
        const withStored = page.waitForResponse((answer) => {
          return answer.url().endsWith("/v1/search") && /"mask"/.test(answer.request().postData() ?? "");
        });
        await page.locator(".query-picture canvas:not(.unseen)").press("s");
        assert.equal((await ofStored).status(), 200);
        assert.equal((await withStored).status(), 200);
        assert.deepEqual(problems, []);
      });

      it("says what is wrong with an image that cannot be read", async () => {
        const { page } = await open();
        const broken = { name: "broken.png", mimeType: "image/png", buffer: test.samples[0]!.buffer.subarray(0, 90) };
        await pick(page, "Choose an image", broken);
        await page.getByRole("heading", { name: "The image cannot be decoded" }).waitFor();
        await pick(page, "Choose another image", test.samples[1]!);
        await page.locator(".results .tile").first().waitFor();
      });
    });
  }

  it("takes an image that is dropped and one that is pasted, and adds several to the collection", async () => {
    const { page, problems } = await openPage(test);
    const give = (kind: string, samples: readonly File[]) =>
      page.evaluate(`(() => {
        const given = new DataTransfer();
        for (const text of ${JSON.stringify(samples.map(({ buffer }) => buffer.toString("base64")))}) {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          given.items.add(new File([bytes], "given.png", { type: "image/png" }));
        }
        const options = { bubbles: true, cancelable: true };
        document.dispatchEvent(
          "${kind}" === "drop"
            ? new DragEvent("drop", { ...options, dataTransfer: given })
            : new ClipboardEvent("paste", { ...options, clipboardData: given }),
        );
      })()`);
    for (const [i, kind] of ["drop", "paste"].entries()) {
      const searched = page.waitForResponse("**/v1/search/image");
      await give(kind, [test.samples[i * 10]!]);
      assert.equal((await searched).status(), 200);
      await page.locator(".results .tile").first().waitFor();
    }
    await give("drop", test.samples.slice(0, 3));
    await page.getByText("Added 3 images · 3 files were there already").waitFor();
    assert.deepEqual(problems, []);
  });
});

/** A picture of one colour. */
const plain = (width: number, height: number, background: string): Promise<Buffer> =>
  sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer();
