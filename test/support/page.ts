// What tests of the page share: images to store, and what holds of every view.
import assert from "node:assert/strict";
import { join } from "node:path";
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "playwright-core";
import { readSamples } from "../../cli/demo/samples.ts";
import { packageRoot } from "../../core/paths.ts";

/** A file as a file picker takes it. */
export interface File {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

export interface Sample extends File {
  readonly label: string;
}

/** A hundred of the sample images, ten of each label. */
export async function pageSamples(): Promise<Sample[]> {
  const all = await readSamples(join(packageRoot(), "samples"), "collection");
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

/** Gives files to the picker that a button opens. */
export async function pick(page: Page, name: string, files: File | File[]): Promise<void> {
  const chooser = page.waitForEvent("filechooser");
  await page.getByRole("button", { name, exact: true }).click();
  await (await chooser).setFiles(files);
}

/** No violation that axe calls serious or critical. */
export async function assertAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const bad = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(
    bad.map(({ id, nodes }) => [id, nodes[0]?.html]),
    [],
  );
}

export async function assertNoSidewaysScroll(page: Page): Promise<void> {
  const excess = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth");
  assert.equal(excess, 0);
}
