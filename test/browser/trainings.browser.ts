// A training in a browser: started, watched, stopped, resumed, and its model activated.
import assert from "node:assert/strict";
import { SIZES } from "../../support/browser.ts";
import { assertAccessible, assertNoSidewaysScroll, openPage, storeSamples, usePage } from "../../support/page.ts";

describe("the page's trainings", function () {
  this.timeout(400_000);
  const test = usePage();

  it("trains on the collection for a minute, stopped and resumed, and the model answers", async () => {
    const server = await test.startServer({ trainings: true });
    await storeSamples(server.url, test.samples);
    const { page, problems } = await openPage(test, { hash: "#/trainings", url: server.url });
    await page.getByRole("heading", { name: "No training yet" }).waitFor();
    await assertAccessible(page);
    await page.getByRole("button", { name: "Train on this collection" }).click();
    await page.getByLabel("Minutes").fill("1");
    await page.getByLabel("Name of the model").fill("ours");
    await assertAccessible(page);
    await page.getByRole("button", { name: "Train", exact: true }).click();
    const row = page.locator(".card", { hasText: "ours" });
    await row.getByText("Learns").waitFor({ timeout: 120_000 });
    await row.getByText(/images seen, \d/).waitFor({ timeout: 60_000 });
    await page.getByRole("button", { name: "Stop ours" }).click();
    await row.getByText("Stopped").waitFor({ timeout: 60_000 });
    await page.getByRole("button", { name: "Resume ours" }).click();
    await row.getByText("Done").waitFor({ timeout: 200_000 });
    await row.locator(".curve svg").first().waitFor();
    await row.getByText("What it sees").click();
    await row.getByRole("img", { name: "Images and views of them" }).waitFor();
    await row.getByRole("img", { name: /^Images and their nearest neighbours, after [\d,]+ images seen$/ }).waitFor();
    const widths = (await page.evaluate(
      "[...document.querySelectorAll('.sheets img')].map((one) => one.naturalWidth)",
    )) as number[];
    assert.ok(widths.length >= 2 && widths.every((width) => width > 100), String(widths));
    await page.getByRole("button", { name: "Report of ours" }).click();
    const report = page.frameLocator("iframe");
    await report.getByRole("heading", { name: "Nearest neighbours" }).waitFor();
    await assertAccessible(page);
    await page.keyboard.press("Escape");
    await page.locator("dialog").waitFor({ state: "detached" });
    await assertAccessible(page);
    await assertNoSidewaysScroll(page);
    await page.getByRole("button", { name: "Activate ours" }).click();
    await page.getByText("The new model answers.").waitFor({ timeout: 60_000 });
    assert.equal(await page.locator("#status").textContent(), "ours");
    assert.deepEqual(problems, []);
    await page.close();
    await server.close();
  });

  it("fits a phone, and says where a server starts no trainings", async () => {
    const { page, problems } = await openPage(test, { hash: "#/trainings", viewport: SIZES.phone });
    await page.getByRole("heading", { name: "This server starts no trainings" }).waitFor();
    await assertAccessible(page);
    await assertNoSidewaysScroll(page);
    assert.deepEqual(problems, []);
  });
});
