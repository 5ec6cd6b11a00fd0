// MoCo on text, as Contriever has it (Izacard et al., "Unsupervised Dense Information Retrieval with Contrastive
// Learning", arXiv 2112.09118): two random spans of a document are query and key. The documents are the sections of the
// Markdown files below a folder: by default what the packages in node_modules say of themselves. Of each document a
// span is held out, from training and from search alike; then it is the query that has to find its document. Words are
// all that is known of a text, as a bag; beside it BM25, which knows as much and learns nothing.
//
//   node text-spans.js [folder] [--steps <n>] [--quick]
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { add, linear, relu } from "moco-search/graph";
import { adamw, createLearner, createRandom, learningRateAt } from "moco-search/moco";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { steps: { type: "string" }, quick: { type: "boolean" } },
});
const steps = Number(flags.steps ?? (flags.quick ? 10 : 500));
const [LEAST, HELD] = [80, 12]; // words of a document, and of the span that is held out
const [BUCKETS, D] = [4096, 256];
const random = createRandom(1);

/** The sections of all Markdown files below `folder`, each a list of words; those that begin alike count once. */
async function documentsIn(folder) {
  const names = (await readdir(folder, { recursive: true })).filter((name) => /\.md$/i.test(name)).sort();
  const found = new Map();
  for (const name of names) {
    const text = await readFile(join(folder, name), "utf8").catch(() => ""); // a folder may be called so too
    const prose = text.replace(/```.*?```/gs, " ").replace(/\]\([^)]*\)|https?:\S+/g, " ");
    for (const section of prose.split(/^#+ /m)) {
      const words = section.toLowerCase().match(/[a-z][a-z0-9]+/g) ?? [];
      const beginning = words.slice(0, 12).join(" ");
      if (words.length >= LEAST && !found.has(beginning)) found.set(beginning, words);
    }
  }
  return [...found.values()];
}

/** FNV-1a */
function bucket(word) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % BUCKETS;
}

/** Texts as bags of hashed words, [N, BUCKETS]: the logarithm of each one's count, in rows of unit norm. */
function bags(texts) {
  const out = new Float32Array(texts.length * BUCKETS);
  for (const [n, words] of texts.entries()) {
    const row = out.subarray(n * BUCKETS, (n + 1) * BUCKETS);
    for (const word of words) row[bucket(word)]++;
    for (let i = 0; i < BUCKETS; i++) if (row[i] > 0) row[i] = 1 + Math.log(row[i]);
    const norm = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0));
    for (let i = 0; i < BUCKETS; i++) row[i] /= norm;
  }
  return out;
}

/** BM25 with its usual constants → the scores of all documents for a query. */
function bm25(documents, k1 = 1.2, b = 0.75) {
  const counts = documents.map((words) => countsOf(words));
  const inDocuments = countsOf(counts.flatMap((count) => [...count.keys()]));
  const mean = documents.reduce((sum, { length }) => sum + length, 0) / documents.length;
  return (query) =>
    counts.map((count, n) => {
      const scale = k1 * (1 - b + (b * documents[n].length) / mean);
      return query.reduce((score, word) => {
        const [tf, df] = [count.get(word) ?? 0, inDocuments.get(word) ?? 0];
        const idf = Math.log(1 + (documents.length - df + 0.5) / (df + 0.5));
        return score + (idf * tf * (k1 + 1)) / (tf + scale);
      }, 0);
    });
}

function countsOf(words) {
  const counts = new Map();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

/** The scores of all documents for each query: cosines of rows [N, d]. Rows of documents are scaled to unit norm. */
function cosines(queries, documents, d) {
  const rows = (x) => Array.from({ length: x.length / d }, (_, n) => x.subarray(n * d, (n + 1) * d));
  const unit = rows(documents).map((row) => {
    const norm = Math.sqrt(row.reduce((sum, v) => sum + v * v, 0));
    return row.map((v) => v / norm);
  });
  return rows(queries).map((query) => {
    const entries = [...query.entries()].filter(([, v]) => v !== 0); // few of a bag
    return unit.map((document) => entries.reduce((score, [i, v]) => score + v * document[i], 0));
  });
}

/** Shares of queries whose own document is the first, and among the first ten. */
function recall(scores) {
  const ranks = scores.map((row, own) => row.filter((score) => score > row[own]).length);
  return [1, 10].map((k) => ranks.filter((rank) => rank < k).length / ranks.length);
}

/** Bags [N, BUCKETS] → [N, D]: the sum of the words' embeddings, and a layer that adds what words mean together. */
function f(x, scope) {
  const layer = (y, name) => {
    const [width, init] = [y.shape[1], { uniformFanIn: y.shape[1] }];
    return linear(y, scope.parameter(`${name}.weight`, [D, width], init), scope.parameter(`${name}.bias`, [D], init));
  };
  const words = layer(x, "words");
  return add(words, layer(relu(layer(words, "hidden")), "out"));
}

const all = await documentsIn(positionals[0] ?? "node_modules");
const documents = [];
const queries = [];
for (const words of all) {
  const from = random.integer(words.length - HELD + 1);
  queries.push(words.slice(from, from + HELD));
  documents.push([...words.slice(0, from), ...words.slice(from + HELD)]);
}
const N = documents.length;
const B = Math.min(128, N);
const K = 4 * B; // a small queue: these are few documents, and a document's own keys are no negatives for it
const optimizer = adamw({ betas: [0.9, 0.999], epsilon: 1e-8, weightDecay: 0.01 });
const learner = await createLearner(f, [BUCKETS], { B, K, m: 0.99, T: 0.05, dim: D, optimizer, threads: 1 });
const searched = async () => {
  const encode = await learner.encoder(f, N);
  return recall(cosines(await encode(bags(queries)), await encode(bags(documents)), D));
};

const rows = { BM25: recall(queries.map(bm25(documents))) };
rows["bags of words"] = recall(cosines(bags(queries), bags(documents), BUCKETS));
rows["untrained network"] = await searched();
let order = [];
for (let step = 0; step < steps; step++) {
  if (order.length < B) order = [...random.permutation(N)];
  const batch = order.splice(0, B).map((n) => documents[n]);
  const span = (words) => {
    const length = Math.round(words.length * random.uniform(0.05, 0.5));
    const from = random.integer(words.length - length + 1);
    return words.slice(from, from + length);
  };
  const rate = learningRateAt(step / steps, 1e-3, { kind: "cosine", warmup: 0.05 });
  const { loss, accuracy } = await learner.step(bags(batch.map(span)), bags(batch.map(span)), rate);
  if ((step + 1) % 100 === 0)
    console.error(`step ${step + 1}: loss ${loss.toFixed(2)}, keys found ${accuracy.toFixed(2)}`);
}
rows.MoCo = await searched();
await learner.release();

console.log(`${N} documents, ${HELD} words to find each by, after ${steps} steps`);
console.log("".padEnd(18) + "recall@1".padStart(10) + "recall@10".padStart(11));
for (const [name, [one, ten]] of Object.entries(rows))
  console.log(name.padEnd(18) + one.toFixed(3).padStart(10) + ten.toFixed(3).padStart(11));
