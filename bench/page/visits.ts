// First visits of a page: what is loaded, and when something shows.
import { SIZES, type TestBrowser } from "../../support/browser.ts";

/** What a first visit costs. */
export interface Visit {
  /** Requests for the page itself; what it shows of the collection comes on top. */
  readonly requests: number;
  /** Bytes of them as they went over the wire. */
  readonly bytes: number;
  /** Milliseconds to the first content: median, least and most. */
  readonly firstContent: readonly [median: number, least: number, most: number];
}

/** Visits of which the median counts. */
const VISITS = 7;

export async function measureVisits(browser: TestBrowser, url: string): Promise<Visit> {
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
