import type { KeyIndex } from "./key-index.ts";
import { createVectorTable, searchExactly } from "./vector-table.ts";

/** An index that compares the query with every vector: the oracle that the approximate index is measured against. */
export function createExactIndex(dimensions: number): KeyIndex {
  const table = createVectorTable(dimensions);
  return {
    size: table.size,
    add: (key, vector) => void table.add(key, vector),
    remove: (key) => void table.remove(key),
    search: (query, k) => searchExactly(table, query, k),
  };
}
