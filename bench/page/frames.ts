// How evenly a page moves: times between its frames while it is scrolled, or its map is moved and zoomed.
import type { Page } from "playwright-core";

/** Milliseconds between two frames. */
export interface Frames {
  readonly p50: number;
  readonly p95: number;
  readonly worst: number;
  readonly frames: number;
  /** Pictures that came meanwhile. A page asks for none where it is scrolled faster than anybody can see. */
  readonly pictures?: number;
}

/** Milliseconds between two turns of the wheel, a frame's time. */
const TURN = 16;

/** Scrolls to the end, at most 600 turns of the wheel. */
export async function framesOfScrolling(page: Page): Promise<Frames> {
  await page.waitForTimeout(1000);
  await page.mouse.move(400, 500);
  let pictures = 0;
  page.on("requestfinished", (request) => {
    if (request.resourceType() === "image") pictures++;
  });
  const end = () => page.evaluate("scrollY + innerHeight >= document.documentElement.scrollHeight - 5");
  const frames = await framesOf(page, async () => {
    for (let step = 0; step < 600 && !(await end()); step++) {
      await page.mouse.wheel(0, 120);
      await page.waitForTimeout(TURN);
    }
  });
  await page.close();
  return { ...frames, pictures };
}

/** Zooms into the middle of a map and out again, then drags it. */
export async function framesOfMap(page: Page): Promise<{ pan: Frames; zoom: Frames }> {
  const stage = page.locator(".map-stage");
  await stage.waitFor({ timeout: 600_000 });
  await page.waitForTimeout(2000);
  const box = (await stage.boundingBox())!;
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  await page.mouse.move(x, y);
  const zoom = await framesOf(page, async () => {
    for (let step = 0; step < 120; step++) {
      await page.mouse.wheel(0, step < 60 ? -30 : 30);
      await page.waitForTimeout(TURN);
    }
  });
  await page.mouse.down();
  const pan = await framesOf(page, async () => {
    for (let step = 0; step < 120; step++) await page.mouse.move(x + 200 * Math.sin(step / 15), y + step);
  });
  await page.mouse.up();
  await page.close();
  return { pan, zoom };
}

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
