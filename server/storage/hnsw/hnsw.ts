// The approximate index: a hierarchical navigable small world graph (Malkov and Yashunin, 2016) over distinct vectors.
import hnswlib from "hnswlib-node";
import { numbersOf } from "../../../core/vector.ts";
import type { IndexReport } from "../ports.ts";
import { openGraphFile } from "./graph-file.ts";
import type { KeyIndex, Match } from "./key-index.ts";
import { createVectorTable, matchesOf, searchAmong, searchExactly } from "./vector-table.ts";

/** Options of {@link createHnswIndex}. */
export interface HnswOptions {
  /** Links of a node; the paper's M. @default 16 */
  readonly links?: number;
  /** Candidates kept while a node is added. More: a better graph, slower to build. @default 200 */
  readonly efConstruction?: number;
  /** Candidates kept while searching; never fewer than k. More: better recall, slower. @default 100 */
  readonly efSearch?: number;
  /** Up to this many vectors every search is exact. @default 500 */
  readonly exactUpTo?: number;
}

/** A {@link KeyIndex} that can report on itself. */
export interface HnswIndex extends KeyIndex {
  /** The `k` nearest of `keys`, best first, found exactly. */
  searchAmong(query: Float32Array, keys: Float64Array, k: number): Match[];
  /** @param sample Number of searches compared with exact search; each costs one pass over all vectors. */
  inspect(sample: number): IndexReport;
  /**
   * Writes the graph to a new file: a snapshot. It holds vectors and their links, but no keys.
   *
   * @throws Error where the file is not whole, as on a full disk.
   */
  write(path: string): void;
}

/**
 * Makes an index without keys; it grows as vectors are added.
 *
 * @param snapshot A file of {@link HnswIndex.write}. Adding a vector that it holds costs nothing; those that are never
 *   added become dead nodes.
 * @throws Error where the snapshot is no whole graph with these options.
 */
export function createHnswIndex(
  dimensions: number,
  { links = 16, efConstruction = 200, efSearch = 100, exactUpTo = 500 }: HnswOptions = {},
  snapshot?: string,
): HnswIndex {
  const table = createVectorTable(dimensions);
  const graph = new hnswlib.HierarchicalNSW("ip", dimensions);
  /** Nodes of the snapshot whose vectors were not added yet; the first search marks them as deleted. */
  const unclaimed = new Set<number>();
  if (snapshot === undefined) graph.initIndex({ maxElements: 1024, m: links, efConstruction });
  else restore(snapshot);
  graph.setEf(efSearch);
  const live = () => table.labels() - table.size().tombstones;

  const searchGraph = (query: Float32Array, k: number): Match[] => {
    for (const label of unclaimed) graph.markDelete(label);
    unclaimed.clear();
    const nodes = Math.min(k, live());
    if (nodes === 0) return [];
    const { neighbors, distances } = graph.searchKnn(numbersOf(query), nodes);
    return matchesOf(
      table,
      neighbors.map((index, i) => ({ index, score: 1 - distances[i]! })),
      k,
    );
  };

  return {
    size: table.size,
    add(key, vector) {
      const { label, node } = table.add(key, vector);
      if (node === "known") return;
      if (node === "revived") {
        if (!unclaimed.delete(label)) graph.unmarkDelete(label);
        return;
      }
      if (label >= graph.getMaxElements()) graph.resizeIndex(Math.max(1024, label * 2));
      graph.addPoint(numbersOf(vector), label);
    },
    remove(key) {
      const label = table.remove(key);
      if (label !== undefined) graph.markDelete(label);
    },
    search: (query, k) => (live() <= exactUpTo ? searchExactly(table, query, k) : searchGraph(query, k)),
    searchAmong: (query, keys, k) => searchAmong(table, query, keys, k),
    inspect(sample) {
      const labels = Array.from({ length: table.labels() }, (_, label) => label).filter(
        (label) => table.keys(label).length > 0,
      );
      const step = Math.max(1, Math.floor(labels.length / sample));
      let found = 0;
      let wanted = 0;
      for (let i = 0; i < labels.length; i += step) {
        const query = table.vector(labels[i]!);
        const exact = searchExactly(table, query, 10);
        // Compared by score: any one of several equally near neighbours counts as found.
        const worst = exact.at(-1)!.score - 1e-6;
        found += searchGraph(query, 10).filter((match) => match.score >= worst).length;
        wanted += exact.length;
      }
      return {
        recallAt10: wanted > 0 ? found / wanted : 1,
        spread: spreadOf(table.vector, labels),
      };
    },
    write(path) {
      graph.writeIndexSync(path);
      openGraphFile(path).close();
    },
  };

  function restore(path: string): void {
    const file = openGraphFile(path);
    try {
      const expected = [dimensions, links, efConstruction].join();
      const actual = [file.dimensions, file.links, file.efConstruction].join();
      if (actual !== expected) {
        throw new Error(`Expected dimensions, links and efConstruction ${expected} but the graph has ${actual}`);
      }
      graph.readIndexSync(path);
      for (const { vector, isDeleted } of file.nodes()) {
        const key = table.labels();
        const { label, node } = table.add(key, vector);
        if (node !== "new") throw new Error(`Expected distinct vectors but nodes ${label} and ${key} have the same`);
        table.remove(key);
        if (isDeleted) graph.unmarkDelete(label);
        unclaimed.add(label);
      }
    } finally {
      file.close();
    }
  }

  function spreadOf(vector: (label: number) => Float32Array, labels: number[]): number {
    const mean = new Float64Array(dimensions);
    for (const label of labels) {
      const values = vector(label);
      for (let i = 0; i < dimensions; i++) mean[i]! += values[i]! / labels.length;
    }
    return 1 - mean.reduce((sum, value) => sum + value * value, 0);
  }
}
