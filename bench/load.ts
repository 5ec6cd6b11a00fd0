// Mixed load for minutes: uploads, searches and deletes over many connections. Nothing may fail but what is refused on
// purpose, and memory must not grow.
//
//   npm run bench:load -- --minutes 10
import { join } from "node:path";
import { Command } from "commander";
import { residentMb } from "../support/processes.ts";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { mulberry32, writeTinyModel } from "../support/tiny-model.ts";
import { startMixedClient, type Tally } from "./load/mixed-client.ts";

const { minutes, connections, images, json } = new Command("bench:load")
  .option("--minutes <number>", "how long", Number, 10)
  .option("--connections <number>", "clients that send one request after another", Number, 32)
  .option("--images <number>", "stored images around which the collection stays", Number, 5000)
  .option("--json", "print JSON only")
  .parse()
  .opts<{ minutes: number; connections: number; images: number; json?: true }>();

/** Memory is read this often. */
const SAMPLE_MS = 1000;
/** The second half may need this much more than the end of the first, of its peak. */
const GROWTH = 1.1;
/**
 * A shorter run is still filling caches and the collection in its second half: it reports its memory but does not judge
 * it.
 */
const JUDGED_MINUTES = 5;

const { folder, remove } = await temporaryFolder();
await writeTinyModel(join(folder, "models"), "default");
const server = await startServerProcess(folder, ["--threads", "1"]);
const memoryMb: number[] = [];
const sample = setInterval(() => memoryMb.push(residentMb(server.child.pid!)), SAMPLE_MS);
const end = Date.now() + minutes * 60_000;
const tally: Tally = { statuses: new Map(), refusals: new Map(), failures: [] };
const stored: string[] = [];
const clients = Array.from({ length: connections }, (_, seed) =>
  startMixedClient(server.url, { random: mulberry32(seed), stored, images, tally, until: end }),
);
await Promise.all(clients);
clearInterval(sample);
const code = await server.stop();
await remove();

const half = memoryMb.length >> 1;
// The first quarter fills caches and the collection.
const [first, second] = [memoryMb.slice(half >> 1, half), memoryMb.slice(half)].map((part) => Math.max(...part));
const isFlat = second! <= first! * GROWTH;
const report = {
  minutes,
  connections,
  statuses: Object.fromEntries([...tally.statuses].sort(([a], [b]) => a.localeCompare(b))),
  refusals: Object.fromEntries(tally.refusals),
  failures: tally.failures,
  stored: stored.length,
  memoryMb: { firstHalf: Math.round(first!), secondHalf: Math.round(second!), isFlat },
};
if (json) console.log(JSON.stringify(report));
else console.dir(report, { depth: null });
if (tally.failures.length > 0 || (minutes >= JUDGED_MINUTES && !isFlat) || code !== 0) process.exitCode = 1;
