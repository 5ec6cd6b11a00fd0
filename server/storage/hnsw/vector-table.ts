// Distinct vectors and their keys. Graph indexes break when they hold many identical vectors, so each distinct vector
// is one node with a label 0, 1, 2, … and a list of keys.
import { dot, largest, type Neighbour } from "../../../core/vector.ts";
import type { IndexSize, Match } from "./key-index.ts";

/** What {@link VectorTable.add} did. */
export interface AddedVector {
  readonly label: number;
  /** `new`: a new label; `revived`: one that had lost its last key; `known`: the graph has nothing to do. */
  readonly node: "new" | "revived" | "known";
}

export interface VectorTable {
  size(): IndexSize;
  /** Labels given so far, with and without keys. */
  labels(): number;
  /** The vector of a label: a view, not a copy. */
  vector(label: number): Float32Array;
  keys(label: number): readonly number[];
  /** The label of a key, where it has one. */
  label(key: number): number | undefined;
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
    size: () => ({ keys: labelOf.size, tombstones }),
    labels: () => keysOf.length,
    vector,
    keys: (label) => keysOf[label]!,
    label: (key) => labelOf.get(key),
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
  const scores = Float64Array.from({ length: table.labels() }, (_, label) =>
    table.keys(label).length > 0 ? dot(query, table.vector(label)) : Number.NEGATIVE_INFINITY,
  );
  const nodes = largest(scores, k).filter(({ score }) => score > Number.NEGATIVE_INFINITY);
  return matchesOf(table, nodes, k);
}

/** Exact search over the `keys` alone; those that the table lacks are ignored. */
export function searchAmong(table: VectorTable, query: Float32Array, keys: Float64Array, k: number): Match[] {
  const scores = Float64Array.from(keys, (key) => {
    const label = table.label(key);
    return label === undefined ? Number.NEGATIVE_INFINITY : dot(query, table.vector(label));
  });
  return largest(scores, k)
    .filter(({ score }) => score > Number.NEGATIVE_INFINITY)
    .map(({ index, score }) => ({ key: keys[index]!, score: asScore(score) }));
}

/** The inner product of two vectors of unit norm as a cosine similarity: rounding may take it a little beyond 1. */
const asScore = (product: number): number => Math.min(1, Math.max(-1, product));

/** The keys of nodes (`index` is the label), best node first, `k` at most. */
export function matchesOf(table: VectorTable, nodes: Iterable<Neighbour>, k: number): Match[] {
  const matches: Match[] = [];
  for (const { index, score } of nodes) {
    for (const key of table.keys(index)) {
      if (matches.length === k) return matches;
      matches.push({ key, score: asScore(score) });
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
