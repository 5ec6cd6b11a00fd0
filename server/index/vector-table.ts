// Distinct vectors and the keys that have them. Graph indexes break when they hold many identical vectors, so each
// distinct vector is one node, named by a label 0, 1, 2, …, with a list of keys.
import type { Match } from "./vector-index.ts";

/** What {@link VectorTable.add} did. */
export interface AddedVector {
  readonly label: number;
  /** `new`: a label that was never given; `revived`: one that had lost its last key; `known`: nothing for a graph to do. */
  readonly node: "new" | "revived" | "known";
}

export interface VectorTable {
  readonly dimensions: number;
  /** Keys in the table. */
  readonly size: number;
  /** Labels given so far, with and without keys. */
  readonly labels: number;
  /** Labels without a key. */
  readonly tombstones: number;
  /** The vector of a label: a view, not a copy. */
  vector(label: number): Float32Array;
  keys(label: number): readonly number[];
  add(key: number, vector: Float32Array): AddedVector;
  /** Returns the label where `key` was its last key. */
  remove(key: number): number | undefined;
}

/** Makes an empty table for vectors of length `dimensions`. */
export function createVectorTable(dimensions: number): VectorTable {
  let rows = new Float32Array(1024 * dimensions);
  const keysOf: number[][] = [];
  const labelOf = new Map<number, number>();
  const labelByHash = new Map<number, number>();
  let tombstones = 0;

  const vector = (label: number) => rows.subarray(label * dimensions, (label + 1) * dimensions);

  const append = (values: Float32Array): number => {
    const label = keysOf.length;
    if ((label + 1) * dimensions > rows.length) {
      const larger = new Float32Array(rows.length * 2);
      larger.set(rows);
      rows = larger;
    }
    rows.set(values, label * dimensions);
    keysOf.push([]);
    return label;
  };

  return {
    dimensions,
    get size() {
      return labelOf.size;
    },
    get labels() {
      return keysOf.length;
    },
    get tombstones() {
      return tombstones;
    },
    vector,
    keys: (label) => keysOf[label]!,
    add(key, values) {
      if (values.length !== dimensions) {
        throw new RangeError(`Expected a vector of length ${dimensions} but received ${values.length}`);
      }
      const present = labelOf.get(key);
      if (present !== undefined) return { label: present, node: "known" };
      let hash = hashOf(values);
      let label = labelByHash.get(hash);
      while (label !== undefined && !isEqual(vector(label), values)) label = labelByHash.get(++hash);
      const isNew = label === undefined;
      label ??= append(values);
      labelByHash.set(hash, label);
      labelOf.set(key, label);
      const keys = keysOf[label]!;
      keys.push(key);
      if (isNew) return { label, node: "new" };
      if (keys.length > 1) return { label, node: "known" };
      tombstones--;
      return { label, node: "revived" };
    },
    remove(key) {
      const label = labelOf.get(key);
      if (label === undefined) return undefined;
      labelOf.delete(key);
      const keys = keysOf[label]!;
      keys.splice(keys.indexOf(key), 1);
      if (keys.length > 0) return undefined;
      tombstones++;
      return label;
    },
  };
}

/** Exact search over a table: every vector is compared. */
export function searchExactly(table: VectorTable, query: Float32Array, k: number): Match[] {
  const best: Array<{ label: number; score: number }> = [];
  for (let label = 0; label < table.labels; label++) {
    if (table.keys(label).length === 0) continue;
    const vector = table.vector(label);
    let score = 0;
    for (let i = 0; i < vector.length; i++) score += query[i]! * vector[i]!;
    if (best.length === k && score <= best[k - 1]!.score) continue;
    let at = best.length;
    while (at > 0 && best[at - 1]!.score < score) at--;
    best.splice(at, 0, { label, score });
    if (best.length > k) best.pop();
  }
  return matchesOf(table, best, k);
}

/** The keys of nodes, best node first, `k` at most. */
export function matchesOf(table: VectorTable, nodes: Iterable<{ label: number; score: number }>, k: number): Match[] {
  const matches: Match[] = [];
  for (const { label, score } of nodes) {
    for (const key of table.keys(label)) {
      if (matches.length === k) return matches;
      matches.push({ key, score });
    }
  }
  return matches;
}

function isEqual(a: Float32Array, b: Float32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

// FNV-1a over the 32-bit words of a vector, in two halves that make one 53-bit integer.
function hashOf(values: Float32Array): number {
  const words = new Uint32Array(values.slice().buffer);
  let low = 0x811c9dc5;
  let high = 0x1b873593;
  for (const word of words) {
    low = Math.imul(low ^ word, 0x01000193);
    high = Math.imul(high ^ (word >>> 16) ^ (word << 16), 0x01000193);
  }
  return (high >>> 11) * 0x100000000 + (low >>> 0);
}
