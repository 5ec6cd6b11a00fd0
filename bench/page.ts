// The page as a browser sees it: what its first visit loads and when it shows, and how evenly it scrolls and the map
// moves.
//
//   npm run bench:page                         shell and scrolling over 3,000 pictures, the map of 100,000 points
//   npm run bench:page -- --json
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Page } from "playwright-core";
import { packageRoot } from "../core/paths.ts";
import { start } from "../server/index.ts";
import { SIZES, startBrowser, type TestBrowser } from "../support/browser.ts";
import { writeSyntheticData } from "../support/synthetic.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { storeScenes } from "./page/scenes.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    images: { type: "string", default: "3000" },
    points: { type: "string", default: "100000" },
  },
});
const [images, points] = [Number(values.images), Number(values.points)];

/** Visits of which the median counts. */
const VISITS = 7;
const VIEWS = ["search", "collection", "models"];

const { folder, remove } = await temporaryFolder();
const browser = await startBrowser();
try {
  const report = { shell: {} as Record<string, Shell>, scroll: {} as Frames, map: {} as Record<string, Frames> };
  await withServer("scenes", { models: join(packageRoot(), "models") }, async (url) => {
    await storeScenes(url, images);
    for (const view of VIEWS) report.shell[view] = await measureShell(browser, `${url}/#/${view}`);
    report.scroll = await measureScroll(browser, `${url}/#/collection`);
  });
  await writeSyntheticData(join(folder, "synthetic"), points);
  await withServer("synthetic", { models: join(folder, "synthetic", "models") }, async (url) => {
    report.map = await measureMap(browser, `${url}/#/map`);
  });
  if (values.json) console.log(JSON.stringify({ images, points, ...report }));
  else print(report);
} finally {
  await browser.close();
  await remove();
}

/** What a first visit costs. */
interface Shell {
  /** Requests for the page itself; what it shows of the collection comes on top. */
  requests: number;
  /** Bytes of them as they went over the wire. */
  bytes: number;
  /** Milliseconds to the first content: median, least and most. */
  firstContent: [median: number, least: number, most: number];
}

/** Milliseconds between two frames. */
interface Frames {
  p50: number;
  p95: number;
  worst: number;
  frames: number;
}

async function withServer(name: string, options: { models: string }, run: (url: string) => Promise<void>) {
  const server = await start({ data: join(folder, name, "data"), port: 0, logLevel: "silent", ...options });
  try {
    await run(server.url);
  } finally {
    await server.close();
  }
}

async function measureShell(browser: TestBrowser, url: string): Promise<Shell> {
  const times: number[] = [];
  let [requests, bytes] = [0, 0];
  for (let visit = 0; visit < VISITS; visit++) {
    const { page } = await browser.open("about:blank", { viewport: SIZES.desktop });
    [requests, bytes] = [0, 0];
    page.on("requestfinished", async (request) => {
      if (/\/v1\/|readyz/.test(request.url())) return;
      requests++;
      const { responseBodySize, responseHeadersSize } = await request.sizes();
      bytes += responseBodySize + responseHeadersSize;
    });
    await page.goto(url);
    await page.locator("main h1").first().waitFor();
    await page.waitForTimeout(500);
    times.push(Number(await page.evaluate("performance.getEntriesByName('first-contentful-paint')[0]?.startTime")));
    await page.close();
  }
  const sorted = times.sort((a, b) => a - b);
  return { requests, bytes, firstContent: [sorted[VISITS >> 1]!, sorted[0]!, sorted.at(-1)!] };
}

async function measureScroll(browser: TestBrowser, url: string): Promise<Frames> {
  const { page } = await browser.open(url, { viewport: SIZES.desktop });
  await page.locator(".tile img.loaded").first().waitFor();
  await page.waitForTimeout(1000);
  const end = () => page.evaluate("scrollY + innerHeight >= document.documentElement.scrollHeight - 5");
  return framesOf(page, async () => {
    for (let step = 0; step < 600 && !(await end()); step++) {
      await page.mouse.wheel(0, 120);
      await page.waitForTimeout(16);
    }
  });
}

async function measureMap(browser: TestBrowser, url: string): Promise<Record<string, Frames>> {
  const { page } = await browser.open(url, { viewport: SIZES.desktop });
  const stage = page.locator(".map-stage");
  await stage.waitFor({ timeout: 600_000 });
  await page.waitForTimeout(2000);
  const box = (await stage.boundingBox())!;
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  const zoom = await framesOf(page, async () => {
    for (let step = 0; step < 120; step++) {
      await page.mouse.wheel(0, step < 60 ? -30 : 30);
      await page.waitForTimeout(16);
    }
  });
  await page.mouse.down();
  const pan = await framesOf(page, async () => {
    for (let step = 0; step < 120; step++) await page.mouse.move(x + 200 * Math.sin(step / 15), y + step);
  });
  await page.mouse.up();
  return { pan, zoom };
}

/** Times between the frames while something moves. */
async function framesOf(page: Page, move: () => Promise<void>): Promise<Frames> {
  await page.evaluate(`{
    window.frames_ = [];
    const tick = (now) => { window.frames_.push(now); window.ticking = requestAnimationFrame(tick); };
    requestAnimationFrame(tick);
  }`);
  await move();
  const ticks = (await page.evaluate("cancelAnimationFrame(window.ticking), window.frames_")) as number[];
  const gaps = ticks.slice(1).map((tick, i) => tick - ticks[i]!);
  const sorted = gaps.sort((a, b) => a - b);
  const at = (part: number) => sorted[Math.floor(part * (sorted.length - 1))] ?? 0;
  return { p50: at(0.5), p95: at(0.95), worst: at(1), frames: sorted.length };
}

function print({ shell, scroll, map }: { shell: Record<string, Shell>; scroll: Frames; map: Record<string, Frames> }) {
  const ms = (value: number) => `${value.toFixed(1)} ms`;
  for (const [view, { requests, bytes, firstContent }] of Object.entries(shell)) {
    const [median, least, most] = firstContent.map((time) => Math.round(time));
    console.log(
      `${view}: first content after ${median} ms (${least} to ${most}), ${requests} requests, ${(bytes / 1000).toFixed(0)} kB`,
    );
  }
  for (const [what, { p50, p95, worst }] of Object.entries({ [`scrolling over ${images} images`]: scroll, ...map })) {
    console.log(`${what}: a frame every ${ms(p50)}, p95 ${ms(p95)}, worst ${ms(worst)}`);
  }
}
