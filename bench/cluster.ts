// Many machines on one: what PostgreSQL costs beside the embedded index, and what more servers bring.
//
//   npm run bench:cluster                      minutes; on a quiet machine
//   npm run bench:cluster -- --images 2000 --uploads 200 --seconds 2 --json
//
// Servers, PostgreSQL and the file store share one machine here, so more servers bring no more processors.
import { Command } from "commander";
import { createDatabase } from "../support/postgres.ts";
import { S3_KEYS, startS3Server } from "../support/s3-server.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type BytesReport, measureBytes } from "./cluster/bytes.ts";
import { measureBothSearches } from "./cluster/searching.ts";
import { measureServers, type ServersReport } from "./cluster/servers.ts";

const options = new Command("bench:cluster")
  .option("--images <number>", "embeddings that are searched", Number, 100_000)
  .option("--connections <number>", "connections that search", Number, 32)
  .option("--seconds <number>", "of each measurement of searches", Number, 5)
  .option("--uploads <number>", "images uploaded to, and then swapped by, 1, 2 and 3 servers", Number, 1000)
  .option("--json", "print JSON only")
  .parse()
  .opts<{ images: number; connections: number; seconds: number; uploads: number; json?: true }>();

const say = (line: string) => {
  if (!options.json) console.log(line);
};
/** Runs `measure` with an empty folder, database and bucket. */
async function inNewPlace<T>(
  measure: (place: { folder: string; database: string; files: string }) => Promise<T>,
): Promise<T> {
  const [{ folder, remove }, database, s3] = await Promise.all([temporaryFolder(), createDatabase(), startS3Server()]);
  try {
    return await measure({ folder, database: database.url, files: s3.url });
  } finally {
    await s3.close();
    await database.remove();
    await remove();
  }
}

Object.assign(process.env, S3_KEYS);
const search = await inNewPlace((place) => measureBothSearches(place, options.images, options));
say(`${options.images} × 128, ${options.connections} connections:`);
for (const [name, { http, recallAt10, startSeconds }] of [
  ["embedded", search.embedded],
  ["PostgreSQL", search.postgres],
] as const) {
  const rate = http.requestsPerSecond.toFixed(0);
  say(`  ${name}  ${rate} searches/s, p50 ${http.p50} ms, p99 ${http.p99} ms, recall@10 ${recallAt10.toFixed(4)}`);
  say(`    start, with the building of the graph  ${startSeconds.toFixed(1)} s`);
}

const bytes: BytesReport[] = [];
for (const dimensions of [16, 128, 256, 512, 1024]) {
  const report = await inNewPlace(({ database }) => measureBytes(database, options.images / 10, dimensions));
  const { images, record, embedding, graph, graphPerSecond } = report;
  say(`${images} × ${dimensions}, bytes an image in PostgreSQL:`);
  say(`  record ${record.toFixed(0)}, embedding ${embedding.toFixed(0)}, graph ${graph.toFixed(0)}`);
  say(`  graph built over ${graphPerSecond.toFixed(0)} embeddings/s`);
  bytes.push(report);
}

const servers: ServersReport[] = [];
for (const count of [1, 2, 3]) {
  const report = await inNewPlace((place) => measureServers(place, { servers: count, images: options.uploads }));
  const { uploadsPerSecond, swapSeconds, backfillPerSecond } = report;
  say(
    `${count} servers: ${uploadsPerSecond.toFixed(1)} uploads/s; swap ${swapSeconds.toFixed(1)} s, backfill ${backfillPerSecond.toFixed(0)} images/s`,
  );
  servers.push(report);
}
if (options.json) console.log(JSON.stringify({ search, bytes, servers }, null, 2));
