// The server's speed, each number beside its bound in the same run.
//
//   npm run bench:serve                      about ten minutes; all of it on a quiet machine
//   npm run bench:serve -- --images 10000 --seconds 2 --json
import { Command } from "commander";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { type EmbedReport, measureEmbedding } from "./serve/embedding.ts";
import type { Fired } from "./serve/load.ts";
import { measureSearch, type SearchReport } from "./serve/searching.ts";

const options = new Command("bench:serve")
  .option("--images <counts>", "sizes of the collections that are searched, such as 10000,100000", "10000,100000")
  .option("--connections <number>", "connections that search", Number, 32)
  .option("--seconds <number>", "of each measurement", Number, 5)
  .option("--no-embed", "leave embedding out")
  .option("--json", "print JSON only")
  .parse()
  .opts<{ images: string; connections: number; seconds: number; embed: boolean; json?: true }>();

async function inNewFolder<T>(measure: (folder: string) => Promise<T>): Promise<T> {
  const { folder, remove } = await temporaryFolder();
  return measure(folder).finally(remove);
}
const say = (line: string) => {
  if (!options.json) console.log(line);
};
const rounded = (value: number) => (value < 10 ? value.toFixed(2) : value.toFixed(0));

const embedding: EmbedReport[] = [];
for (const [width, height] of options.embed ? [[640, 480] as const, [64, 64] as const] : []) {
  const report = await inNewFolder((folder) => measureEmbedding(folder, { width, height, seconds: options.seconds }));
  const { image, imagesPerSecond, bound, ratio, ratios } = report;
  say(`embed, ${image}: ${imagesPerSecond} images/s over HTTP, bare ${bound}: ${ratio} (${ratios.join(" to ")})`);
  embedding.push(report);
}

const search: SearchReport[] = [];
for (const count of options.images.split(",").map(Number)) {
  const report = await inNewFolder((folder) => measureSearch(folder, count, options));
  const { http, bareHttp, share, shares, recallAt10, bare, index, indexToBare } = report;
  const { startBuilding, startFromSnapshot, memoryMb } = report;
  say(`${count} × 128:`);
  const firedLine = ({ requestsPerSecond, p50, p99 }: Fired) =>
    `${rounded(requestsPerSecond)} searches/s, p50 ${p50} ms, p99 ${p99} ms`;
  say(`  HTTP  ${firedLine(http)}; bare Express and index thread ${firedLine(bareHttp)}`);
  say(`  of the bare rate  ${share} (${shares.join(" to ")})`);
  say(`  recall@10 against exact search  ${recallAt10.toFixed(4)}`);
  say(`  index call  ${rounded(index)}/s, bare hnswlib-node ${rounded(bare)}/s: ${rounded(indexToBare)}`);
  say(`  start  ${rounded(startFromSnapshot)} s from the snapshot, ${rounded(startBuilding)} s building the index`);
  say(`  memory  ${rounded(memoryMb)} MB`);
  search.push(report);
}
const [least, most] = [search[0]!, search.at(-1)!];
const memoryMbPerMillion =
  most.images > least.images ? ((most.memoryMb - least.memoryMb) * 1e6) / (most.images - least.images) : undefined;
if (memoryMbPerMillion) say(`memory of a million vectors: ${rounded(memoryMbPerMillion)} MB`);
if (options.json) console.log(JSON.stringify({ embedding, search, memoryMbPerMillion }, null, 2));
