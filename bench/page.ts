// First paint of the page on a collection of 100,000 images, and that no view loads all of them.
//
//   npm run bench:page                    about two minutes
//   npm run bench:page -- 10000
import { join } from "node:path";
import { start } from "../server/index.ts";
import { SIZES, startBrowser } from "../support/browser.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { writeSyntheticData } from "./serve/synthetic.ts";

const count = Number(process.argv[2] ?? 100_000);
const { folder, remove } = await temporaryFolder();
await writeSyntheticData(folder, count);
const options = { data: join(folder, "data"), models: join(folder, "models"), port: 0, logLevel: "silent" } as const;
const server = await start(options);
const browser = await startBrowser();
try {
  for (const view of ["search", "collection", "map", "models"]) {
    const { page } = await browser.open("about:blank", { viewport: SIZES.desktop });
    let listed = 0;
    page.on("response", async (response) => {
      if (!/\/v1\/(images\?|map)/.test(response.url())) return;
      const { images, points } = await response.json().catch(() => ({}));
      listed += (images ?? points ?? []).length;
    });
    await page.goto(`${server.url}/#/${view}`);
    await page.locator("main h1, main h2").first().waitFor();
    const paint = await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime");
    await page.waitForTimeout(3000);
    console.log(`${view}: first contentful paint ${Math.round(Number(paint))} ms, ${listed} of ${count} images listed`);
  }
} finally {
  await browser.close();
  await server.close();
  await remove();
}
