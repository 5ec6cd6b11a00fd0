// Which index for PostgreSQL? pgvector's graphs beside hnswlib's and beside comparing all, on the same vectors.
//
//   npm run bench:indexes -- --json                             100,000 synthetic embeddings of 128 numbers
//   npm run bench:indexes -- --count 1000000                    an hour
//   npm run bench:indexes -- photos/ --model default            embeddings of images; 200 of them are the queries
//
// One connection asks at a time, so rates are those of about one core; hnswlib is asked in this thread.
import { Command } from "commander";
import { MODELS_FOLDER, readModel } from "../core/model-folder.ts";
import { createDatabase } from "../support/postgres.ts";
import { ALL, collectionOfImages, FILTERS, K, syntheticCollection } from "./indexes/collection.ts";
import type { Contender } from "./indexes/contender.ts";
import { buildHnswlib } from "./indexes/hnswlib.ts";
import { openPgvector } from "./indexes/pgvector.ts";

const program = new Command("bench:indexes")
  .argument("[images...]", "folders of images; without any, vectors are synthetic")
  .option("--count <number>", "synthetic vectors", Number, 100_000)
  .option("--model <name>", "that embeds the images", "default")
  .option("--models <folder>", "that holds it", MODELS_FOLDER)
  .option("--rounds <number>", "in turn; medians count", Number, 3)
  .option("--json", "print JSON only")
  .parse();
const options = program.opts<{ count: number; model: string; models: string; rounds: number; json?: true }>();

const collection = program.args.length
  ? await collectionOfImages(program.args, await readModel(options.models, options.model))
  : syntheticCollection(options.count);

const FILTERED_QUERIES = 50;

interface Played {
  readonly name: string;
  readonly settings: string;
  readonly below: number;
  readonly recallAt10: number;
  readonly perSecond: { readonly median: number; readonly spread: readonly [number, number] };
  readonly buildSeconds: number;
  readonly bytes: number;
}

/** Asks all queries, again in every round. */
async function play(contenders: readonly Contender[], below: number): Promise<Played[]> {
  const nearest = collection.nearest.get(below)!;
  const filter = below === ALL ? undefined : below;
  // A scan that goes on until it finds enough that pass takes long where few do.
  const queries = filter === undefined ? collection.queries : collection.queries.slice(0, FILTERED_QUERIES);
  const wanted = nearest.slice(0, queries.length).reduce((sum, { size }) => sum + size, 0);
  const rates = contenders.map((): number[] => []);
  const recalls: number[] = [];
  for (let round = 0; round <= options.rounds; round++) {
    for (const [c, contender] of contenders.entries()) {
      await contender.prepare();
      let found = 0;
      const began = performance.now();
      for (const [q, query] of queries.entries()) {
        const numbers = await contender.search(query, filter);
        found += numbers.filter((number) => nearest[q]!.has(number)).length;
      }
      if (round > 0) rates[c]!.push((1000 * queries.length) / (performance.now() - began)); // the first warms up
      recalls[c] = found / wanted;
    }
  }
  return contenders.map(({ name, settings, buildSeconds, bytes }, c) => {
    const sorted = rates[c]!.sort((a, b) => a - b);
    const perSecond = { median: sorted[sorted.length >> 1]!, spread: [sorted[0]!, sorted.at(-1)!] as const };
    return { name, settings, below, recallAt10: recalls[c]!, perSecond, buildSeconds, bytes };
  });
}

const hnswlib = buildHnswlib(collection);
const database = await createDatabase();
const pgvector = await openPgvector(database.url, collection);
try {
  const contenders = [...hnswlib, ...pgvector.contenders];
  const played: Played[] = [];
  for (const below of [ALL, ...FILTERS]) {
    const unwanted = below === ALL ? "only" : "never";
    played.push(
      ...(await play(
        contenders.filter(({ filters }) => filters !== unwanted),
        below,
      )),
    );
  }
  const { dimensions, vectors } = collection;
  if (options.json) console.log(JSON.stringify({ count: vectors.length, dimensions, played }, null, 2));
  else print(played, `${vectors.length} × ${dimensions}`);
} finally {
  await pgvector.close();
  await database.remove();
}

function print(played: readonly Played[], what: string): void {
  console.log(`| ${what} | | filter | recall@${K} | queries/s | bytes of graph | built in s |`);
  console.log("| :-- | :-- | --: | --: | --: | --: | --: |");
  for (const { name, settings, below, recallAt10, perSecond, buildSeconds, bytes } of played) {
    const filter = below === ALL ? "" : `${(100 * below) / ALL} %`;
    const { median, spread } = perSecond;
    const rate = `${median.toFixed(0)} (${spread.map((value) => value.toFixed(0)).join(" to ")})`;
    console.log(
      `| ${[name, settings, filter, recallAt10.toFixed(3), rate, bytes.toFixed(0), buildSeconds.toFixed(1)].join(" | ")} |`,
    );
  }
}
