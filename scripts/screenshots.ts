// docs/images/*.png: the page with the sample images, as it looks in a browser.
//
//     npx tsx scripts/screenshots.ts [models folder]
//
// Needs Chromium (`apt install chromium`). Takes about a minute.
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { readSamples } from "../cli/demo/samples.ts";
import { packageRoot } from "../core/paths.ts";
import { start } from "../server/index.ts";
import { SIZES, startBrowser } from "../support/browser.ts";
import { mulberry32, writeTinyModel } from "../support/tiny-model.ts";

const [modelsFolder = join(packageRoot(), "models")] = process.argv.slice(2);
const images = join(packageRoot(), "docs", "images");
const temporary = await mkdtemp(join(tmpdir(), "moco-search-screenshots-"));
await cp(modelsFolder, join(temporary, "models"), { recursive: true });
await writeTinyModel(join(temporary, "models"), "baseline", { dimensions: 48 });
const server = await start({
  data: join(temporary, "data"),
  models: join(temporary, "models"),
  model: "baseline",
  port: 0,
});
const browser = await startBrowser();
try {
  await mkdir(images, { recursive: true });
  await storeSamples();
  for (const colorScheme of ["light", "dark"] as const) {
    const { page } = await browser.open(server.url, { colorScheme, viewport: { width: 1360, height: 880 } });
    const take = (name: string, fullPage = false) =>
      page.screenshot({ path: join(images, `${name}-${colorScheme}.png`), fullPage });
    await page.goto(`${server.url}/#/models`);
    if (colorScheme === "dark") {
      await page.getByRole("button", { name: "Roll back to baseline" }).click();
      await page.locator(".card.active", { hasText: "baseline" }).waitFor({ timeout: 600_000 });
    }
    await page.getByRole("button", { name: "Activate default" }).click();
    await page.getByRole("heading", { name: "Before and after" }).waitFor({ timeout: 600_000 });
    await settled(page);
    await page.evaluate("scrollTo(0, 0)"); // the header sticks to where the window is
    await take("models", true);
    await page.goto(`${server.url}/#/search`);
    await openSearch(page);
    await take("search");
    await page.goto(`${server.url}/#/collection`);
    await settled(page);
    await take("collection");
    await page.goto(`${server.url}/#/map`);
    await page.locator(".map-stage").waitFor({ timeout: 600_000 });
    await settled(page);
    await take("map");
  }
  const { page } = await browser.open(server.url, {
    viewport: SIZES.phone,
    deviceScaleFactor: 2,
    colorScheme: "light",
  });
  await openSearch(page);
  await page.screenshot({ path: join(images, "phone.png") });
} finally {
  await browser.close();
  await server.close();
  await rm(temporary, { recursive: true, force: true });
}

/** The samples in a mixed but repeatable order, so that every screen shows some of each label. */
async function storeSamples(): Promise<void> {
  const random = mulberry32(1);
  const samples = (await readSamples("collection"))
    .map((sample) => ({ sample, place: random() }))
    .sort((a, b) => a.place - b.place)
    .map(({ sample }) => sample);
  for (let i = 0; i < samples.length; i += 100) {
    const form = new FormData();
    const some = samples.slice(i, i + 100);
    for (const { name, bytes } of some) form.append("image", new Blob([Uint8Array.from(bytes)]), name);
    form.append("metadata", JSON.stringify(some.map(({ label }) => ({ label }))));
    const response = await fetch(`${server.url}/v1/images`, { method: "POST", body: form });
    if (!response.ok) throw new Error(await response.text());
  }
}

/** Searches with a picture of an ankle boot that is not in the collection. */
async function openSearch(page: Page): Promise<void> {
  const boots = (await readSamples("queries")).filter(({ label }) => label === "ankle-boot");
  const chosen = page.waitForEvent("filechooser");
  await page.getByRole("button", { name: "Choose an image" }).click();
  await (await chosen).setFiles({ name: "boot.png", mimeType: "image/png", buffer: Buffer.from(boots[3]!.bytes) });
  await page.locator(".results .tile").first().waitFor();
  await settled(page);
}

/** Waits until what is on the screen has its images. */
async function settled(page: Page): Promise<void> {
  await page.waitForTimeout(500);
  // As text, since it runs in the page.
  const areShown =
    "[...document.images].every((image) => image.complete || image.getBoundingClientRect().top > innerHeight)";
  while (!(await page.evaluate(areShown))) await page.waitForTimeout(100);
  await page.waitForTimeout(2000); // the map loads its own
}
