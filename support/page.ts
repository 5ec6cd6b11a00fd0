// What tests of the page share: a server with images and models, a browser, and what holds of every view.
import assert from "node:assert/strict";
import { cp } from "node:fs/promises";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import type { BrowserContextOptions, Page } from "playwright-core";
import { readSamples } from "../cli/demo/samples.ts";
import { packageRoot } from "../core/paths.ts";
import type { Parts } from "../server/assemble.ts";
import type { Options } from "../server/config.ts";
import type { Image } from "../server/domain/image.ts";
import { type RunningServer, start } from "../server/main.ts";
import { startBrowser, type TestBrowser } from "./browser.ts";
import { temporaryFolder } from "./temporary-folder.ts";
import { writeTinyModel } from "./tiny-model.ts";

/** A file as a file picker takes it. */
export interface File {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

export interface Sample extends File {
  readonly label: string;
}

/** A page to test. */
export interface PageTest {
  readonly browser: TestBrowser;
  /** Its active model is "default"; {@link PageTest.samples} are stored. */
  readonly server: RunningServer;
  readonly samples: readonly Sample[];
  /** Path of a new, empty data folder. */
  newData(): string;
  /** Another server with the same models, "default" and "other", and an empty data folder of its own. */
  startServer(options?: Options, parts?: Partial<Parts>): Promise<RunningServer>;
  close(): Promise<void>;
}

/**
 * The model "other" finds less than "default" and may be activated all the same.
 *
 * @param parts Of the first server.
 */
async function preparePage(parts?: Partial<Parts>): Promise<PageTest> {
  const { folder, remove } = await temporaryFolder();
  const models = join(folder, "models");
  await cp(join(packageRoot(), "models", "default"), join(models, "default"), { recursive: true });
  await writeTinyModel(models, "other", { seed: 2, dimensions: 24 });
  let folders = 0;
  const newData = () => join(folder, `data-${++folders}`);
  const startServer: PageTest["startServer"] = (options = {}, given = {}) =>
    start(
      { data: newData(), models, port: 0, threads: 1, maxBatch: 8, allowedDrop: 1, logLevel: "silent", ...options },
      given,
    );
  const server = await startServer({}, parts);
  const samples = await pageSamples();
  await storeSamples(server.url, samples);
  const browser = await startBrowser();
  return {
    browser,
    server,
    samples,
    newData,
    startServer,
    async close() {
      await browser.close();
      await server.close();
      await remove();
    },
  };
}

/** {@link preparePage} before the tests of a suite, closed after them. It can be used in tests alone. */
export function usePage(parts?: Partial<Parts>): PageTest {
  const test = {} as PageTest;
  before(async () => {
    Object.assign(test, await preparePage(parts));
  });
  after(() => test.close?.());
  return test;
}

/** A hundred of the sample images, ten of each label. */
async function pageSamples(): Promise<Sample[]> {
  const all = await readSamples("collection");
  return all
    .filter((_, i) => i % 20 === 0)
    .map(({ name, label, bytes }) => ({
      label,
      name: name.replaceAll(/[\\/]/g, "-"),
      mimeType: "image/png",
      buffer: Buffer.from(bytes),
    }));
}

/** Uploads samples with their labels. */
export async function storeSamples(url: string, samples: readonly Sample[]): Promise<void> {
  for (const label of new Set(samples.map((sample) => sample.label))) {
    const form = new FormData();
    for (const { name, buffer } of samples.filter((sample) => sample.label === label)) {
      form.append("image", new Blob([Uint8Array.from(buffer)]), name);
    }
    form.append("metadata", JSON.stringify({ label }));
    const response = await fetch(`${url}/v1/images`, { method: "POST", body: form });
    assert.equal(response.status, 201);
  }
}

/** Opens the page of the test's server, or of another one. */
export function openPage(
  { browser, server }: PageTest,
  { hash = "", url = server.url, ...options }: { hash?: string; url?: string } & BrowserContextOptions = {},
): ReturnType<TestBrowser["open"]> {
  return browser.open(`${url}/${hash}`, options);
}

/** The images that a server has stored. */
export async function listImages(url: string): Promise<readonly Image[]> {
  const { images } = (await (await fetch(`${url}/v1/images?limit=1000`)).json()) as { images: Image[] };
  return images;
}

/** Gives files to the picker that a button opens. */
export async function pick(page: Page, name: string, files: File | File[]): Promise<void> {
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name, exact: true }).click();
  await (await chooser).setFiles(files);
}

/** Waits until an expression is true in the page, whose policy forbids to evaluate it there again and again. */
export async function waitUntil(page: Page, expression: string): Promise<void> {
  for (let tries = 0; !(await page.evaluate(expression)); tries++) {
    assert.ok(tries < 200, `in ten seconds: ${expression}`);
    await page.waitForTimeout(50);
  }
}

/**
 * No violation that axe finds. Not within frames: the only one is a training's report, which may run no script, and
 * axe's own sometimes never ends there.
 */
export async function assertAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).exclude("iframe").analyze();
  assert.deepEqual(
    violations.map(({ id, nodes }) => [id, nodes[0]?.html]),
    [],
  );
}

export async function assertNoSidewaysScroll(page: Page): Promise<void> {
  const excess = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  assert.equal(excess, 0);
}

/**
 * Draws a line around a part of the map.
 *
 * @param part Left, top, right and bottom as shares of the map.
 * @returns How many images are inside.
 */
export async function lasso(page: Page, [left, top, right, bottom]: readonly number[]): Promise<number> {
  const box = (await page.locator(".map-stage").boundingBox())!;
  await page.getByRole("button", { name: "Choose images by drawing around them" }).click();
  const corners = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ].map(([x, y]) => [box.x + x! * box.width, box.y + y! * box.height] as const);
  await page.mouse.move(...corners[0]!);
  await page.mouse.down();
  for (const corner of corners.slice(1)) await page.mouse.move(...corner, { steps: 4 });
  await page.mouse.up();
  const heading = await page.getByRole("heading", { name: /images? inside the line/ }).textContent();
  const count = Number(heading!.split(" ")[0]!.replaceAll(",", ""));
  await page.getByText(`${count.toLocaleString("en")} selected`).waitFor();
  return count;
}

/** Chooses an image of a grid by its button. */
export async function choose(page: Page, position: number, modifiers: Array<"Shift"> = []): Promise<void> {
  const tile = page.locator(".tile").nth(position);
  await tile.hover();
  await tile.locator(".pick").click({ modifiers });
}
