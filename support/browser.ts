// Chromium for browser tests and screenshots.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BrowserContext, type BrowserContextOptions, chromium, type Page } from "playwright-core";

/** Pages in a browser without any history. */
export interface TestBrowser {
  /** Opens a page; `problems` collects what it logs as errors, and exceptions. */
  open(url: string, options?: BrowserContextOptions): Promise<{ page: Page; problems: string[] }>;
  close(): Promise<void>;
}

/** Widths that each flow is tried at. */
export const SIZES = { desktop: { width: 1280, height: 860 }, phone: { width: 390, height: 844 } } as const;

/** Starts Chromium: MOCO_SEARCH_CHROMIUM, or where Debian puts it. */
export async function startBrowser(): Promise<TestBrowser> {
  const home = await mkdtemp(join(tmpdir(), "moco-search-chromium-"));
  const browser = await chromium.launch({
    executablePath: process.env.MOCO_SEARCH_CHROMIUM ?? "/usr/bin/chromium",
    env: { ...process.env, HOME: home } as Record<string, string>,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const contexts: BrowserContext[] = [];
  return {
    async open(url, options = {}) {
      const context = await browser.newContext({ viewport: SIZES.desktop, ...options });
      contexts.push(context);
      const page = await context.newPage();
      const problems: string[] = [];
      page.on("console", (message) => {
        if (message.type() === "error") problems.push(message.text());
      });
      page.on("pageerror", (error) => problems.push(String(error)));
      await page.goto(url);
      return { page, problems };
    },
    async close() {
      await Promise.all(contexts.map((context) => context.close()));
      await browser.close();
      await rm(home, { recursive: true, force: true });
    },
  };
}
