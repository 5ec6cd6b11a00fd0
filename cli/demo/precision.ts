// precision@10: the share of the ten nearest stored images with the query's label. Labels are used for measuring only.
import type { Client } from "../../client/index.ts";
import { decodeImage } from "../../core/decode.ts";
import { mean, nearest, normalised } from "../../core/vector.ts";
import { groupByLabel, type Sample } from "./samples.ts";

/** Mean precision@10 over all queries and over those of each label, 0..1. */
export interface Precision {
  readonly overall: number;
  readonly byLabel: ReadonlyMap<string, number>;
}

const K = 10;

/** Searches a server with every query, one after the other. */
export async function servedPrecision(
  client: Client,
  queries: readonly Sample[],
): Promise<{ precision: Precision; msMedian: number }> {
  const times: number[] = [];
  const found: unknown[][] = [];
  for (const query of queries) {
    const began = performance.now();
    const { matches } = await client.searchByImage(query, { k: K });
    times.push(performance.now() - began);
    found.push(matches.map(({ metadata }) => metadata.label));
  }
  times.sort((a, b) => a - b);
  return { precision: precisionOf(queries, found), msMedian: times[times.length >> 1]! };
}

/** The baseline: exact search by the cosine similarity of raw pixels at 32×32. */
export async function pixelPrecision(collection: readonly Sample[], queries: readonly Sample[]): Promise<Precision> {
  const pixelsOf = async ({ bytes }: Sample) =>
    normalised(Float32Array.from(await decodeImage(bytes, { width: 32, height: 32, fit: "cover" })));
  const stored = await Promise.all(collection.map(pixelsOf));
  const rows = new Float32Array(stored.length * stored[0]!.length);
  stored.forEach((pixels, i) => {
    rows.set(pixels, i * pixels.length);
  });
  const found: string[][] = [];
  for (const query of queries) {
    found.push(nearest(await pixelsOf(query), rows, K).map(({ index }) => collection[index]!.label));
  }
  return precisionOf(queries, found);
}

function precisionOf(queries: readonly Sample[], found: ReadonlyArray<readonly unknown[]>): Precision {
  const each = queries.map(({ label }, i) => found[i]!.filter((other) => other === label).length / K);
  const groups = groupByLabel(queries.map(({ label }, i) => ({ label, precision: each[i]! })));
  const byLabel = new Map([...groups].map(([label, group]) => [label, mean(group.map((g) => g.precision))]));
  return { overall: mean(each), byLabel };
}
