// The page as a browser sees it: what its first visit loads and when it shows, and how evenly it scrolls and the map
// moves. Each beside its floor: the same of a page that has nothing to do, in the same run.
//
//   npm run bench:page                         3,000 pictures, the map of 100,000 points
//   npm run bench:page -- --json
import { join } from "node:path";
import { parseArgs } from "node:util";
import { packageRoot } from "../core/paths.ts";
import { SIZES, startBrowser } from "../support/browser.ts";
import { storePhotographs } from "../support/photographs/photographs.ts";
import { startServerProcess } from "../support/server-process.ts";
import { writeSyntheticData } from "../support/synthetic.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { serveFloors } from "./page/floors.ts";
import { type Frames, framesOfMap, framesOfScrolling } from "./page/frames.ts";
import { measureVisits, type Visit } from "./page/visits.ts";

const { values } = parseArgs({
  options: {
    json: { type: "boolean", default: false },
    images: { type: "string", default: "3000" },
    points: { type: "string", default: "100000" },
  },
});
const [images, points] = [Number(values.images), Number(values.points)];

const VIEWS = ["search", "collection", "models"];

const { folder, remove } = await temporaryFolder();
const [browser, floors] = [await startBrowser(), await serveFloors()];
try {
  const visits: Record<string, Visit> = {};
  const frames: Record<string, Frames> = {};
  const open = async (url: string) => (await browser.open(url, { viewport: SIZES.desktop })).page;
  await withServer("photographs", ["--models", join(packageRoot(), "models")], async (url) => {
    await storePhotographs(url, images);
    visits["floor: a heading"] = await measureVisits(browser, `${floors.url}/heading`);
    for (const view of VIEWS) visits[view] = await measureVisits(browser, `${url}/#/${view}`);
    frames["floor: scrolling over as many boxes"] = await framesOfScrolling(
      await open(`${floors.url}/boxes?${images}`),
    );
    for (const when of ["", ", seen before"]) {
      const collection = await open(`${url}/#/collection`); // each time a browser without a cache
      await collection.locator(".tile img.loaded").first().waitFor();
      frames[`scrolling over ${images} images${when}`] = await framesOfScrolling(collection);
    }
  });
  await writeSyntheticData(join(folder, "synthetic"), points);
  await withServer("synthetic", [], async (url) => {
    const floor = await framesOfMap(await open(`${floors.url}/canvas`));
    const map = await framesOfMap(await open(`${url}/#/map`));
    frames["floor: an empty canvas, moved"] = floor.pan;
    frames[`map of ${points} points, moved`] = map.pan;
    frames["floor: an empty canvas, zoomed"] = floor.zoom;
    frames["the map zoomed"] = map.zoom;
  });
  if (values.json) console.log(JSON.stringify({ images, points, visits, frames }));
  else print(visits, frames);
} finally {
  await browser.close();
  floors.close();
  await remove();
}

/** A server in a process of its own, as users have it: what drives the browser takes none of its time. */
async function withServer(name: string, flags: readonly string[], run: (url: string) => Promise<void>) {
  const server = await startServerProcess(join(folder, name), ["--log-level", "silent", ...flags]);
  try {
    await run(server.url);
  } finally {
    await server.stop();
  }
}

function print(visits: Record<string, Visit>, frames: Record<string, Frames>): void {
  for (const [what, { requests, bytes, firstContent }] of Object.entries(visits)) {
    const [median, least, most] = firstContent.map((time) => Math.round(time));
    console.log(
      `${what}: first content after ${median} ms (${least} to ${most}), ${requests} requests, ${(bytes / 1000).toFixed(0)} kB`,
    );
  }
  for (const [what, { p50, p95, worst, pictures }] of Object.entries(frames)) {
    const [usual, most, longest] = [p50, p95, worst].map((time) => time.toFixed(1));
    const came = pictures === undefined ? "" : `, ${pictures} pictures came`;
    console.log(`${what}: a frame every ${usual} ms, p95 ${most} ms, worst ${longest} ms${came}`);
  }
}
