// The page as a whole: its policy, a server that is away, the key, two tabs.
import assert from "node:assert/strict";
import { openApiKeys } from "../../server/storage/open.ts";
import { assertAccessible, openPage, pick, usePage } from "../../support/page.ts";

describe("the page as a whole", function () {
  this.timeout(120_000);
  const test = usePage();

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
    const { page } = await openPage(test);
    await page.locator(".wall img").first().waitFor();
    await page.route("**/v1/**", (route) => route.abort());
    await page.route("**/readyz", (route) => route.abort());
    await page.getByRole("link", { name: "Models" }).first().click();
    await page.getByText("The server does not answer. Start it with").waitFor();
    await page.unrouteAll();
    await page.locator("#banner").waitFor({ state: "hidden" });
    // Nobody has to try again: what failed is asked anew.
    await page.locator(".card.active").waitFor();
    await page.locator(".notice").waitFor({ state: "detached" });
  });

  it("asks for the key of a server that wants one", async () => {
    const data = test.newData();
    const { keys, close } = await openApiKeys(data, { create: true });
    const { key } = await keys.create("admin", "page");
    close();
    const guarded = await test.startServer({ data, requireKeys: true });
    try {
      const { page } = await openPage(test, { hash: "#/collection", url: guarded.url });
      await page.getByRole("heading", { name: "This server asks for a key" }).waitFor();
      await assertAccessible(page);
      await page.getByRole("button", { name: "Cancel" }).click();
      await page.getByText("Without one this server shows nothing.").waitFor();
      await page.getByRole("button", { name: "Enter the key" }).click();
      await page.getByLabel("API key").fill("wrong");
      await page.getByRole("button", { name: "Continue" }).click();
      await page.getByText("That key was not accepted").waitFor();
      await page.getByLabel("API key").fill(key);
      await page.getByRole("button", { name: "Continue" }).click();
      await pick(page, "Add images", test.samples[0]!);
      await page.locator(".tile img.loaded").first().waitFor();
      await page.locator(".tile .picture").first().click();
      await page.locator("img.pswp__img").first().waitFor();
      await page.keyboard.press("Escape");
      await page.getByRole("link", { name: "Models" }).first().click();
      await page.getByRole("button", { name: "Activate other" }).click();
      await page.getByText("The new model answers.").waitFor({ timeout: 60_000 });
    } finally {
      await guarded.close();
    }
  });

  it("names the model that answers in every tab, whoever activated it", async () => {
    const { page } = await openPage(test);
    await page.locator("#status").getByText("default").waitFor();
    const begun = await fetch(`${test.server.url}/v1/models/other/activate`, { method: "POST" });
    assert.equal(begun.status, 202);
    await page.locator("#status").getByText("other").waitFor({ timeout: 60_000 });
  });
});
