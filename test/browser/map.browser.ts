// The map in a browser.
import assert from "node:assert/strict";
import { createClient } from "../../client/index.ts";
import { SIZES } from "../../support/browser.ts";
import { assertAccessible, assertNoSidewaysScroll, lasso, openPage, usePage } from "../../support/page.ts";
import { fitted, type Place, toScreen } from "../../web/map/plane.ts";

const DRAWN = "100 images as model default sees them";

describe("the page's map", function () {
  this.timeout(120_000);
  const test = usePage();

  for (const [size, viewport] of Object.entries(SIZES)) {
    it(`shows the collection and searches from there, at ${size} width`, async () => {
      const { page, problems } = await openPage(test, { hash: "#/map", viewport });
      const map = page.getByRole("application", { name: "Map of the collection" });
      await page.getByText(DRAWN).waitFor({ timeout: 60_000 });
      assert.equal(await page.locator(".legend li").count(), 10);
      await assertAccessible(page);
      await assertNoSidewaysScroll(page);
      await page.getByRole("button", { name: "Zoom in" }).click();
      await page.waitForURL("**/#/map?view=*");
      const zoomed = page.url();
      await map.focus();
      await page.keyboard.press("Enter");
      await page.waitForURL("**/#/search?id=*");
      await page.locator(".results .tile").first().waitFor();
      // The way back leads to what was seen.
      await page.goBack();
      await page.getByText(DRAWN).waitFor();
      assert.equal(page.url(), zoomed);
      await map.press("0");
      await page.waitForURL(({ href }) => href !== zoomed);
      assert.deepEqual(problems, []);
    });
  }

  it("shows images, more of them closer up, and searches with the one that is clicked", async () => {
    const { page, problems } = await openPage(test, { hash: "#/map" });
    const shown = new Set<string>();
    page.on("response", (response) => {
      if (response.url().includes("/content?size=96")) shown.add(response.url());
    });
    await page.getByText(DRAWN).waitFor({ timeout: 60_000 });
    const far = await waitForMore(shown, 0);
    const box = (await page.locator(".map-stage").boundingBox())!;
    const { points } = await createClient(test.server.url).getMap();
    const dense = toScreen(fitted(points, box), middleOfMost(points));
    await page.mouse.move(box.x + dense.x, box.y + dense.y);
    await page.mouse.wheel(0, -300);
    await waitForMore(shown, far);
    await page.getByRole("button", { name: "Show the whole map" }).click();

    const preview = page.locator(".map-preview");
    for (let place = 0; !(await preview.isVisible()); place++) {
      assert.ok(place < 400, "the pointer finds an image");
      await page.mouse.move(
        box.x + ((place % 20) + 0.5) * (box.width / 20),
        box.y + (Math.floor(place / 20) + 0.5) * (box.height / 20),
      );
      // What the pointer is on is shown with the next frames; asked before, the preview could be of the place before.
      await page.evaluate("new Promise((shown) => requestAnimationFrame(() => requestAnimationFrame(shown)))");
    }
    const id = await preview.getAttribute("data-id");
    await page.mouse.down();
    await page.mouse.up();
    await page.waitForURL(`**/#/search?id=${id}`);
    await page.locator(".results .tile").first().waitFor();
    assert.deepEqual(problems, []);
  });

  it("shows how similar each image is to one that is searched with", async () => {
    const { page, problems } = await openPage(test);
    await page.locator(".wall a").first().click();
    await page.locator(".results .tile").first().waitFor();
    const id = new URL(page.url()).hash.split("id=")[1];
    await page.getByRole("link", { name: "On the map" }).click();
    await page.waitForURL(`**/#/map?id=${id}`);
    await page.getByText(DRAWN).waitFor({ timeout: 60_000 });
    await page.locator(".legend .ramp").waitFor();
    const ends = (await page.locator(".legend li", { has: page.locator(".ramp") }).textContent())!;
    const [least, most] = ends.match(/−?\d\.\d{3}/g)!.map((text) => Number(text.replace("−", "-")));
    assert.ok(least! < most! && most! < 1, ends);
    await assertAccessible(page);
    const choice = page.getByLabel("Colour by");
    await choice.selectOption("label");
    await page.locator(".legend .swatch").nth(9).waitFor();
    await choice.selectOption("similarity to the query");
    await page.locator(".legend .ramp").waitFor();
    assert.deepEqual(problems, []);
  });

  it("chooses what a line goes around, and acts on it", async () => {
    const { page, problems } = await openPage(test, { hash: "#/map" });
    await page.getByText(DRAWN).waitFor({ timeout: 60_000 });
    const count = await lasso(page, [0.02, 0.02, 0.5, 0.98]);
    assert.ok(count > 5 && count < 95, `${count} images in the left half`);
    await page.locator(".lassoed .tile").first().waitFor();
    await assertAccessible(page);
    assert.deepEqual(problems, []);
  });
});

/** The place with the most others around it. */
function middleOfMost(places: readonly Place[]): Place {
  const around = (one: Place) => places.filter(({ x, y }) => Math.hypot(x - one.x, y - one.y) < 0.1).length;
  return places.reduce((most, place) => (around(place) > around(most) ? place : most));
}

/** Waits until there are more than `count` and no new ones come. */
async function waitForMore(shown: ReadonlySet<string>, count: number): Promise<number> {
  for (let before = -1, waited = 0; shown.size <= count || shown.size !== before; waited++) {
    assert.ok(waited < 100, `${shown.size} images shown, more than ${count} expected`);
    before = shown.size;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return shown.size;
}
