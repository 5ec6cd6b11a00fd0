// Models and swaps in a browser.
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { openGeneration } from "../../server/generation/generation.ts";
import { SIZES } from "../../support/browser.ts";
import {
  assertAccessible,
  assertNoSidewaysScroll,
  listImages,
  openPage,
  storeSamples,
  usePage,
} from "../../support/page.ts";

describe("the page's models", function () {
  this.timeout(120_000);
  const test = usePage();

  for (const [size, viewport] of Object.entries(SIZES)) {
    it(`shows a swap live, the report, both models' answers, and rolls back, at ${size} width`, async () => {
      const { page, problems } = await openPage(test, { hash: "#/models", viewport });
      const streams: string[] = [];
      page.on("response", (response) => {
        if (response.url().endsWith("/events")) streams.push(response.headers()["content-type"]!);
      });
      await page.getByRole("button", { name: "Activate other" }).click();
      await page.getByRole("heading", { name: "Activating other" }).waitFor();
      await page.getByText("The new model answers.").waitFor({ timeout: 60_000 });
      await page.getByRole("heading", { name: "Before and after" }).waitFor();
      assert.equal(await page.locator(".comparison tbody tr").count(), 6);
      assert.match((await page.locator(".matches small").first().textContent())!, /^[−01]/);
      assert.match((await page.locator(".report").textContent())!, /Recall@10/i);
      assert.equal(await page.locator("#status").textContent(), "other");
      assert.deepEqual(streams, ["text/event-stream; charset=utf-8"]);
      await page.reload();
      await page.getByRole("heading", { name: "Before and after" }).waitFor();
      await assertAccessible(page);
      await assertNoSidewaysScroll(page);
      await page.getByRole("button", { name: "Roll back to default" }).click();
      await page.getByRole("heading", { name: "Rolling back to default" }).waitFor();
      await page.getByText("The new model answers.").waitFor({ timeout: 60_000 });
      await page.locator(".card.active", { hasText: "default" }).waitFor();
      await page.getByText("History of swaps").click();
      const [back, forth] = await page.locator(".history tbody th").allTextContents();
      assert.deepEqual([back, forth], ["default (rollback)", "other"]);
      await page
        .getByRole("button", { name: /^Report of the swap to other/ })
        .first()
        .click();
      await page.getByRole("heading", { name: "Before and after" }).waitFor();
      assert.deepEqual(problems, []);
    });
  }

  it("shows what a model would change before it answers, and waits for approval", async () => {
    const { page, problems } = await openPage(test, { hash: "#/models" });
    const review = async () => {
      await page.getByRole("button", { name: "Review other" }).click();
      await page.getByText("Ready, and waits for you.").waitFor({ timeout: 60_000 });
      await page.getByRole("heading", { name: "Before and after" }).waitFor();
    };
    await review();
    assert.match((await page.locator(".report").textContent())!, /Other crop of an image found first/);
    assert.match(
      (await page.locator(".warnings").textContent())!,
      /It finds the other crop of \d+\.\d % of 40 images first/,
    );
    await page.locator(".card.active", { hasText: "default" }).waitFor();
    await assertAccessible(page);
    await assertNoSidewaysScroll(page);
    await page.getByRole("button", { name: "Discard" }).click();
    await page.getByText("Cancelled; the model before still answers.").waitFor();

    await review();
    await page.reload();
    await page.getByRole("heading", { name: "Before and after" }).waitFor();
    await page.getByRole("button", { name: "Approve" }).click();
    await page.getByText("The new model answers.").waitFor({ timeout: 60_000 });
    await page.locator(".card.active", { hasText: "other" }).waitFor();
    await page.getByRole("button", { name: "Roll back to default" }).click();
    await page.locator(".card.active", { hasText: "default" }).waitFor({ timeout: 60_000 });
    assert.deepEqual(problems, []);
  });

  it("names the images that a swap went on without", async () => {
    const data = test.newData();
    const server = await test.startServer({ data });
    try {
      await storeSamples(server.url, test.samples.slice(0, 3));
      const { id, sha256 } = (await listImages(server.url))[0]!;
      await rm(join(data, "files", sha256.slice(0, 2), sha256));
      const begun = await fetch(`${server.url}/v1/models/other/activate?skipDamaged=true`, { method: "POST" });
      const { swap } = (await begun.json()) as { swap: { id: string } };
      const { page, problems } = await openPage(test, { hash: `#/models?swap=${swap.id}`, url: server.url });
      await page.getByText("The new model answers.").waitFor({ timeout: 60_000 });
      const fact = page.locator(".report div", { hasText: "Left out" });
      assert.equal(await fact.locator("dd").textContent(), `1 (${id})`);
      await assertAccessible(page);
      await assertNoSidewaysScroll(page);
      const others = problems.filter((problem) => !problem.includes("status of 500")); // the image itself
      assert.deepEqual(others, []);
    } finally {
      await server.close();
    }
  });

  it("cancels a swap", async () => {
    let opened = 0;
    const slow = await test.startServer(
      {},
      {
        openGeneration: async (...given) => {
          if (++opened > 1) await new Promise((resolve) => setTimeout(resolve, 3000));
          return openGeneration(...given);
        },
      },
    );
    try {
      const { page, problems } = await openPage(test, { hash: "#/models", url: slow.url });
      await page.getByRole("button", { name: "Activate other" }).click();
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.getByText("Cancelled; the model before still answers.").waitFor();
      await page.locator(".card.active", { hasText: "default" }).waitFor();
      assert.deepEqual(problems, []);
    } finally {
      await slow.close();
    }
  });
});
