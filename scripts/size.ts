// npm run size -- --images 100e6 [--dimensions 256] [--servers 4] [--help]
//
// What a collection beyond one machine needs, from what docs/scale.md has measured.
import { Command } from "commander";

const given = new Command("size")
  .option("--images <number>", "images, all different", Number, 1e6)
  .option("--dimensions <number>", "of an embedding", Number, 256)
  .option("--metadata <bytes>", "of an image, as JSON", Number, 40)
  .option("--file <bytes>", "of an image", Number, 100e3)
  .option("--servers <number>", "that share a backfill", Number, 2)
  .option("--embeds <number>", "images that a server decodes and embeds in a second; see bench:serve", Number, 200)
  .option(
    "--graph <number>",
    "embeddings that the building of the graph takes in a second; see bench:cluster",
    Number,
    1000,
  )
  .parse()
  .opts<Record<"images" | "dimensions" | "metadata" | "file" | "servers" | "embeds" | "graph", number>>();
for (const [name, value] of Object.entries(given)) {
  if (!(value > 0)) throw new Error(`Expected --${name} to be a number above 0.`);
}

/** What PostgreSQL may fill of its pages, bytes. */
const PAGE = { all: 8192, free: 8152 };
/** Bytes of a record, with its indexes and without metadata, which is kept twice: as it came, and for filters. */
const RECORD = 600;
/** Bytes of an embedding's key in its index. */
const KEY = 51;
/** Above so many dimensions an embedding is kept apart from its row, in parts that fill pages less well. */
const MOST_IN_ROW = 500;
const APART = 1.4;
/** Above so many dimensions pgvector builds no graph of half precision. */
const MOST_IN_GRAPH = 4000;
/** The graph's upper layers, as a factor. */
const UPPER_LAYERS = 1.02;

/** The share of a page that something takes which is never split. */
const inPage = (bytes: number) => PAGE.all / Math.max(1, Math.floor(PAGE.free / bytes));
const aligned = (bytes: number) => Math.ceil(bytes / 8) * 8;

/** Bytes of an embedding with its key. */
function embeddingBytes(dimensions: number): number {
  return KEY + (dimensions > MOST_IN_ROW ? APART * 4 * dimensions : inPage(aligned(48 + 4 * dimensions) + 4));
}

/** Bytes of an embedding in the graph: its numbers once more, in half precision, and its links. */
function graphBytes(dimensions: number): number {
  return dimensions > MOST_IN_GRAPH ? 0 : UPPER_LAYERS * inPage(aligned(80 + 2 * dimensions) + 208);
}

const { images, dimensions } = given;
const record = RECORD + 2 * given.metadata;
const embedding = embeddingBytes(dimensions);
const graph = graphBytes(dimensions);

const size = (bytes: number) => {
  const unit = ["B", "kB", "MB", "GB", "TB", "PB"];
  const power = Math.min(unit.length - 1, Math.max(0, Math.floor(Math.log10(bytes) / 3)));
  return `${(bytes / 1000 ** power).toPrecision(3)} ${unit[power]}`;
};
const duration = (seconds: number) => {
  if (seconds < 600) return `${seconds.toFixed(0)} s`;
  return seconds < 172_800 ? `${(seconds / 3600).toFixed(1)} hours` : `${(seconds / 86_400).toFixed(1)} days`;
};

console.log(`${images.toLocaleString("en")} images, embeddings of ${dimensions} dimensions

PostgreSQL's disk
  records                    ${size(images * record)}
  embeddings of a model      ${size(images * embedding)}
  graph of a model           ${size(images * graph)}
  with the model before      ${size(images * (record + 2 * (embedding + graph)))}
  during a swap              ${size(images * (record + 3 * (embedding + graph)))}
PostgreSQL's memory          ${size(images * graph)} for the graph that answers
file store                   ${size(images * given.file)}
swap, with ${given.servers} servers         ${duration(images / given.embeds / given.servers)} of embedding, ${duration(graph > 0 ? images / given.graph : 0)} of building the graph`);
