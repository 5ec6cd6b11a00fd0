// JSON that is small to send and was once dear to read.

/** A JSON list of `count` times `item`. */
export const list = (count: number, item: string) => `[${Array(count).fill(item).join()}]`;
/** A filter of `count` times `item`. */
export const or = (count: number, item: string) => `{"or":${list(count, item)}}`;
export const condition = '{"field":"a","eq":1}';
const inList = (item: string) => `{"field":"a","in":${list(1000, item)}}`;
const keys = Array.from({ length: 99_000 }, (_, i) => `"k${i}":0`).join();
/** Bodies of a search of less than 2 MB that are refused, by what they are. */
export const jsonBombs = {
  "970,000 leaves of a filter that do not fit": `{"id":"x","filter":${or(97, or(100, list(100, "0")))}}`,
  "nine filters that are joined a hundred times": `{"id":"x","filter":${or(9, or(100, or(100, "{}")))}}`,
  "90,000 conditions that fit": `{"id":"x","filter":${or(9, or(100, or(100, condition)))}}`,
  "lists of 100,000 values to be in": `{"id":"x","filter":${or(100, inList("{}"))}}`,
  "600,000 empty lists as a vector": `{"vector":${list(600_000, "[]")}}`,
  "99,999 values as a vector": `{"vector":${list(99_998, "[]")}}`,
  "600,000 ids": `{"positive":${list(600_000, "[]")}}`,
  "99,000 unknown keys": `{${keys}}`,
  "99,000 unknown keys in a condition": `{"id":"x","filter":{"field":"a",${keys}}}`,
  "a key of a megabyte": `{"id":"x","${"k".repeat(1_000_000)}":0}`,
};
