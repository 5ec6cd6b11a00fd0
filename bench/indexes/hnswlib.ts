// The graph of hnswlib, with the settings of server/storage/hnsw, in this thread.
import hnswlib from "hnswlib-node";
import { type Collection, K, tagOf } from "./collection.ts";
import type { Contender } from "./contender.ts";

const LINKS = 16;

export function buildHnswlib({ dimensions, vectors }: Collection): Contender[] {
  const graph = new hnswlib.HierarchicalNSW("ip", dimensions);
  const began = performance.now();
  graph.initIndex({ maxElements: vectors.length, m: LINKS, efConstruction: 200 });
  for (const [i, vector] of vectors.entries()) graph.addPoint(Array.from(vector), i);
  const buildSeconds = (performance.now() - began) / 1000;
  // A vector, its links in the lowest layer and their count, and a label; upper layers hold a sixteenth of that.
  const bytes = 4 * dimensions + 4 * (2 * LINKS + 1) + 8 + 12;
  return [50, 100, 200].map((ef) => ({
    name: "hnswlib",
    settings: `ef ${ef}`,
    filters: ef === 100 ? "both" : "never",
    buildSeconds,
    bytes,
    async prepare() {
      graph.setEf(ef);
    },
    search(query, below) {
      const passes = below === undefined ? undefined : (label: number) => tagOf(label) < below;
      return graph.searchKnn(Array.from(query), K, passes).neighbors;
    },
  }));
}
