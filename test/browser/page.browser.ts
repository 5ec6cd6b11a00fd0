// The page in a browser, on a real server: each flow at desktop and phone width.
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { openGeneration } from "../../server/generation/generation.ts";
import { openApiKeys } from "../../server/storage/open.ts";
import { SIZES } from "../../support/browser.ts";
import {
  assertAccessible,
  assertNoSidewaysScroll,
  type File,
  type PageTest,
  pick,
  preparePage,
  storeSamples,
} from "../../support/page.ts";

describe("the page", function () {
  this.timeout(120_000);
  let test: PageTest;

  before(async () => {
    test = await preparePage();
  });
  after(() => test?.close());

  for (const [size, viewport] of Object.entries(SIZES)) {
    describe(`at ${size} width`, () => {
      const open = (hash = "", url = test.server.url) => test.browser.open(`${url}/${hash}`, { viewport });

      const controls = async (page: Page) => {
        if (size === "phone") await page.getByText("Threshold and filter").click();
      };

      it("searches with a picked image, and again with a result", async () => {
        const { page, problems } = await open();
        await page.getByRole("heading", { name: "Find images that look alike" }).waitFor();
        await page.locator(".wall img").first().waitFor();
        await assertAccessible(page);
        await pick(page, "Choose an image", test.samples[0]!);
        const tiles = page.locator(".results .tile");
        await tiles.first().waitFor();
        assert.match((await tiles.first().textContent())!, /1\.000/);
        assert.match(
          (await page.locator(".results .summary").textContent())!,
          /60 matches in \d+ ms · model default, generation 1/,
        );
        await assertAccessible(page);
        await assertNoSidewaysScroll(page);
        const [id] = await Promise.all([tiles.nth(1).getAttribute("data-id"), tiles.nth(1).locator("a").click()]);
        await page.waitForURL(`**/#/search?id=${id}`);
        await page.locator(`.results [data-id="${id}"]`).waitFor({ state: "detached" });
        assert.deepEqual(problems, []);
      });

      it("narrows by threshold, by metadata, by a box and by examples", async () => {
        const { page, problems } = await open();
        await pick(page, "Choose an image", test.samples[0]!);
        const tiles = page.locator(".results .tile");
        await tiles.nth(59).waitFor({ state: "attached" });
        await controls(page);
        await page.locator("#threshold").fill("0.95");
        const some = await tiles.count();
        assert.ok(some >= 1 && some < 60, `${some} pass the threshold`);
        await page.getByRole("button", { name: "Show all" }).click();
        assert.equal(await tiles.count(), 60);

        const facet = page.locator(".facet").first();
        const value = (await facet.textContent())!.split(/\s/)[0]!;
        await facet.click();
        await page.locator(".results[aria-busy]").waitFor({ state: "detached" });
        const names = new Set(await page.locator(".results .name").allTextContents());
        assert.deepEqual([...names], [value]);
        await facet.click();
        await tiles.nth(59).waitFor({ state: "attached" });

        const canvas = page.getByRole("application", { name: "Query image" });
        await canvas.focus();
        for (const key of ["ArrowLeft", "Shift+ArrowRight", "Enter"]) await page.keyboard.press(key);
        await page.getByRole("button", { name: "Search the whole image" }).waitFor();
        const box = (await canvas.boundingBox())!;
        await page.mouse.move(box.x + 10, box.y + 10);
        await page.mouse.down();
        await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 3 });
        const searched = page.waitForResponse("**/v1/search");
        await page.mouse.up();
        assert.equal((await searched).status(), 200);
        await page.getByRole("button", { name: "Search the whole image" }).click();

        const moved = page.waitForResponse("**/v1/search");
        await tiles.nth(3).getByRole("button", { name: "More like this" }).click();
        assert.equal((await moved).status(), 200);
        await tiles.nth(5).getByRole("button", { name: "Less like this" }).click();
        await page.getByText("2 examples moved the query.").waitFor();
        await page.locator(".results[aria-busy]").waitFor({ state: "detached" });
        await assertAccessible(page);
        assert.deepEqual(problems, []);
      });

      it("says what is wrong with an image that cannot be read", async () => {
        const { page } = await open();
        const broken = { name: "broken.png", mimeType: "image/png", buffer: test.samples[0]!.buffer.subarray(0, 90) };
        await pick(page, "Choose an image", broken);
        await page.getByRole("heading", { name: "The image cannot be decoded" }).waitFor();
        await pick(page, "Choose another image", test.samples[1]!);
        await page.locator(".results .tile").first().waitFor();
      });

      it("fills an empty collection, names the file that was refused, deletes and undoes", async () => {
        const empty = await test.startServer();
        try {
          const { page, problems } = await open("#/collection", empty.url);
          await page.getByRole("heading", { name: "No images yet" }).waitFor();
          await assertAccessible(page);
          const broken = { name: "broken.png", mimeType: "image/png", buffer: test.samples[0]!.buffer.subarray(0, 90) };
          await pick(page, "Add images", [...test.samples.slice(0, 20), broken]);
          await page.getByText("Added 20 images · 1 file was refused").waitFor();
          assert.match((await page.locator(".failures").textContent())!, /^broken\.png Expected a whole image file/);
          const tiles = page.locator(".tile:visible");
          assert.equal(await tiles.count(), 20);
          await assertAccessible(page);
          await assertNoSidewaysScroll(page);

          const stored = async () => {
            const { images } = (await (await fetch(`${empty.url}/v1/images`)).json()) as { images: unknown[] };
            return images.length;
          };
          const remove = async () => {
            await tiles.first().hover();
            await tiles
              .first()
              .getByRole("button", { name: /^Delete/ })
              .click();
          };
          await remove();
          assert.equal(await tiles.count(), 19);
          await page.getByRole("button", { name: "Undo" }).click();
          assert.equal(await tiles.count(), 20);
          assert.equal(await stored(), 20);
          await remove();
          assert.equal(await stored(), 20); // not yet
          await page.goto("about:blank"); // leaving is not undoing
          while ((await stored()) > 19) await new Promise((resolve) => setTimeout(resolve, 50));
          assert.deepEqual(problems, []);
        } finally {
          await empty.close();
        }
      });

      it("browses the collection and its near-duplicates", async () => {
        const { page, problems } = await open("#/collection");
        await page.getByText("100 images. Select one").waitFor();
        await page.locator("#status").getByText("Ready").waitFor();
        assert.equal(await page.locator(".tile").count(), 100);
        await page.getByRole("button", { name: "Near-duplicates" }).click();
        await page.locator("#alike").fill("0.9");
        await page.locator(".duplicates .tile").first().waitFor();
        await assertAccessible(page);
        assert.deepEqual(problems, []);
      });

      it("shows the collection as a map and searches from there", async () => {
        const { page, problems } = await open("#/map");
        const map = page.getByRole("application", { name: "Map of the collection" });
        await map.waitFor({ timeout: 60_000 });
        await page.getByText("100 images as model default sees them").waitFor();
        assert.equal(await page.locator(".legend li").count(), 10);
        await assertAccessible(page);
        await assertNoSidewaysScroll(page);
        await page.getByRole("button", { name: "Zoom in" }).click();
        await map.focus();
        for (const key of ["ArrowLeft", "+", "0", "Enter"]) await page.keyboard.press(key);
        await page.waitForURL("**/#/search?id=*");
        await page.locator(".results .tile").first().waitFor();
        assert.deepEqual(problems, []);
      });

      it("shows a swap live, the report, both models' answers, and rolls back", async () => {
        const { page, problems } = await open("#/models");
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
        assert.deepEqual(problems, []);
      });
    });
  }

  it("asks nothing of any other address and runs under its own policy", async () => {
    const { page } = await test.browser.open("about:blank");
    const others: string[] = [];
    page.on("request", (request) => {
      if (!request.url().startsWith(test.server.url)) others.push(request.url());
    });
    const answer = await page.goto(test.server.url);
    assert.match(answer!.headers()["content-security-policy"]!, /default-src 'self'/);
    await page.locator(".wall img").first().waitFor();
    assert.deepEqual(others, []);
  });

  it("tells that the server has stopped, and goes on when it is back", async () => {
    const { page } = await test.browser.open(test.server.url);
    await page.locator(".wall img").first().waitFor();
    await page.route("**/v1/**", (route) => route.abort());
    await page.route("**/readyz", (route) => route.abort());
    await page.getByRole("link", { name: "Models" }).first().click();
    await page.getByText("The server does not answer. Start it with").waitFor();
    await page.unrouteAll();
    await page.locator("#banner").waitFor({ state: "hidden" });
    await page.getByRole("button", { name: "Try again" }).click();
    await page.locator(".card.active").waitFor();
  });

  it("asks for the key of a server that wants one", async () => {
    const data = test.newData();
    const { keys, close } = await openApiKeys(data, { create: true });
    const { key } = await keys.create("admin", "page");
    close();
    const guarded = await test.startServer({ data, requireKeys: true });
    try {
      const { page } = await test.browser.open(`${guarded.url}/#/collection`);
      await page.getByRole("heading", { name: "This server asks for a key" }).waitFor();
      await assertAccessible(page);
      await page.getByLabel("API key").fill("wrong");
      await page.getByRole("button", { name: "Continue" }).click();
      await page.getByText("That key was not accepted").waitFor();
      await page.getByLabel("API key").fill(key);
      await page.getByRole("button", { name: "Continue" }).click();
      await pick(page, "Add images", test.samples[0]!);
      await page.locator(".tile img.loaded").first().waitFor();
      await page.getByRole("link", { name: "Models" }).first().click();
      await page.getByRole("button", { name: "Activate other" }).click();
      await page.getByText("The new model answers.").waitFor({ timeout: 60_000 });
    } finally {
      await guarded.close();
    }
  });

  it("shows what a model would change before it answers, and waits for approval", async () => {
    const { page, problems } = await test.browser.open(`${test.server.url}/#/models`);
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
      const { images } = (await (await fetch(`${server.url}/v1/images`)).json()) as {
        images: Array<{ id: string; sha256: string }>;
      };
      const { id, sha256 } = images[0]!;
      await rm(join(data, "files", sha256.slice(0, 2), sha256));
      const begun = await fetch(`${server.url}/v1/models/other/activate?skipDamaged=true`, { method: "POST" });
      const { swap } = (await begun.json()) as { swap: { id: string } };
      const { page, problems } = await test.browser.open(`${server.url}/#/models?swap=${swap.id}`);
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
      const { page, problems } = await test.browser.open(`${slow.url}/#/models`);
      await page.getByRole("button", { name: "Activate other" }).click();
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.getByText("Cancelled; the model before still answers.").waitFor();
      await page.locator(".card.active", { hasText: "default" }).waitFor();
      assert.deepEqual(problems, []);
    } finally {
      await slow.close();
    }
  });

  it("takes an image that is dropped and one that is pasted", async () => {
    const { page, problems } = await test.browser.open(test.server.url);
    const give = (kind: string, sample: File) =>
      page.evaluate(`(() => {
        const bytes = Uint8Array.from(atob("${sample.buffer.toString("base64")}"), (c) => c.charCodeAt(0));
        const given = new DataTransfer();
        given.items.add(new File([bytes], "given.png", { type: "image/png" }));
        const options = { bubbles: true, cancelable: true };
        document.dispatchEvent(
          "${kind}" === "drop"
            ? new DragEvent("drop", { ...options, dataTransfer: given })
            : new ClipboardEvent("paste", { ...options, clipboardData: given }),
        );
      })()`);
    for (const [i, kind] of ["drop", "paste"].entries()) {
      const searched = page.waitForResponse("**/v1/search");
      await give(kind, test.samples[i * 10]!);
      assert.equal((await searched).status(), 200);
      await page.locator(".results .tile").first().waitFor();
    }
    assert.deepEqual(problems, []);
  });
});
