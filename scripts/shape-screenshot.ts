// docs/images/shape.png: a click on the sea, its shape, and what that finds, on drawn photographs.
//
//     npx tsx scripts/shape-screenshot.ts
//
// Needs Chromium (`apt install chromium`). Takes about a minute.
import { join } from "node:path";
import { createClient } from "../client/index.ts";
import { packageRoot } from "../core/paths.ts";
import { start } from "../server/index.ts";
import { startBrowser } from "../support/browser.ts";
import { storePhotographs } from "../support/photographs/photographs.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const { folder, remove } = await temporaryFolder();
const models = join(packageRoot(), "models");
const server = await start({ data: join(folder, "data"), models, port: 0, logLevel: "silent" });
const browser = await startBrowser();
try {
  await storePhotographs(server.url, 600);
  const { images } = await createClient(server.url).listImages({ limit: 100 });
  const coast = images.find(({ metadata, width, height }) => metadata.label === "coast" && width > height)!;
  const { page } = await browser.open(`${server.url}/#/search?id=${coast.id}`, {
    viewport: { width: 1360, height: 720 },
  });
  await page.locator(".tile img.loaded").first().waitFor();
  const box = (await page.locator(".query canvas").boundingBox())!;
  await page.mouse.click(box.x + 0.5 * box.width, box.y + 0.7 * box.height);
  await page.getByRole("button", { name: "Search the whole image" }).waitFor();
  await page.mouse.move(0, 0);
  await page.waitForTimeout(5000); // the pictures of the matches
  await page.screenshot({ path: join(packageRoot(), "docs", "images", "shape.png") });
} finally {
  await browser.close();
  await server.close();
  await remove();
}
