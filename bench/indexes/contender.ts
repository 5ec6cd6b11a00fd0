// An index with its settings, as the comparison plays it.

export interface Contender {
  readonly name: string;
  readonly settings: string;
  /** Takes part in the comparison of filters too, or only there. */
  readonly filters: "both" | "never" | "only";
  /** Of the graph: seconds to build it, and bytes it takes for a vector. */
  readonly buildSeconds: number;
  readonly bytes: number;
  /** Before its turn. */
  prepare(): Promise<void>;
  /** Numbers of the nearest vectors whose tag is below `below`, where that is given. */
  search(query: Float32Array, below?: number): Promise<number[]> | number[];
}
