// The page of one of several servers, in a browser: it shows which of them answer.
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { SIZES, startBrowser, type TestBrowser } from "../../support/browser.ts";
import { type Cluster, type ClusterServer, createCluster } from "../../support/cluster.ts";
import { assertAccessible, assertNoSidewaysScroll } from "../../support/page.ts";

describe("the page of one of several servers", function () {
  this.timeout(900_000);
  let cluster: Cluster;
  let leader: ClusterServer;
  let browser: TestBrowser;
  before(async () => {
    cluster = await createCluster();
    leader = await cluster.startServer(); // alone, so that it leads
    browser = await startBrowser();
  });
  after(async () => {
    await browser.close();
    await cluster.close();
  });

  const panelOf = (page: Page) => page.getByRole("region", { name: "Servers" });

  it("says nothing of servers where there is one", async () => {
    const { page, problems } = await browser.open(`${leader.url}/#/models`);
    await page.getByRole("button", { name: "Activate other" }).waitFor();
    await page.waitForResponse("**/v1/servers"); // it looks again and again
    assert.equal(await panelOf(page).count(), 0);
    assert.deepEqual(problems, []);
  });

  it("shows the servers, which one runs swaps, and one that comes and goes meanwhile", async () => {
    const { page, problems } = await browser.open(`${leader.url}/#/models`);
    const follower = await cluster.startServer();
    const panel = panelOf(page);
    await panel.waitFor({ timeout: 60_000 });
    const rowOf = ({ url }: ClusterServer) => panel.getByRole("row", { name: url });
    await rowOf(follower).getByText("Answers").waitFor({ timeout: 60_000 });
    assert.match((await rowOf(leader).textContent())!, /Answers.*Runs swaps.*1$/);
    assert.doesNotMatch((await rowOf(follower).textContent())!, /Runs swaps/);
    await assertAccessible(page);
    for (const viewport of Object.values(SIZES)) {
      await page.setViewportSize(viewport);
      await assertNoSidewaysScroll(page);
    }
    await follower.close();
    await panel.waitFor({ state: "hidden", timeout: 60_000 });
    assert.deepEqual(problems, []);
  });
});
