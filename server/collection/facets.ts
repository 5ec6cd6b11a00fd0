// Which values the metadata has, and how often: what a list can be narrowed by.
import { type Filter, matchesFilter, valueAt } from "../domain/filter.ts";
import type { Metadata } from "../domain/image.ts";
import type { Images } from "../storage/ports.ts";

/** A value that is counted: what filters compare with. */
export type FacetValue = string | number | boolean;

/** A field of the metadata. */
export interface Facet {
  /** As in filters: dots lead into objects. */
  readonly field: string;
  /** How many values there are, of those that were searched for; 100,000 stands for more. */
  readonly distinct: number;
  /** How many images have the field. */
  readonly images: number;
  /** The most frequent values, and how many images have each. */
  readonly values: ReadonlyArray<{ readonly value: FacetValue; readonly count: number }>;
}

/** What {@link countFacets} counts. */
export interface FacetsWanted {
  /** Counts images that fit it. */
  readonly filter?: Filter | undefined;
  /** Only this field, whether it groups images or not. */
  readonly field?: string | undefined;
  /** Only values that contain this text; case does not count. */
  readonly search?: string | undefined;
  /** Values of each field at most. */
  readonly limit: number;
}

/** Longest text that counts as a value: filters compare with no longer ones. */
const MAX_TEXT = 1000;
/** Longest name of a field that a filter may have. */
const MAX_NAME = 200;
/** Most values of one field. A field with more groups nothing. */
const MAX_DISTINCT = 100_000;
/** Most fields that are counted, and that are answered. */
const MAX_FIELDS = 1000;
const MAX_ANSWERED = 100;
/** Most characters of all values that are kept, with so many more for each. */
const MAX_CHARACTERS = 32 * 1024 ** 2;
const CHARACTERS_MORE = 32;
/** Of this many images on, a field groups nothing where more than half of them have a value of their own. */
const FEW = 16;
/** Values sorted in one turn of the event loop. */
const SORTED = 10_000;
/** The fields that come first. */
const FIRST = ["label", "folder"];

/** The values of one field while they are counted. */
interface Tally {
  images: number;
  readonly counts: Map<FacetValue, number>;
  characters: number;
  /** True once there are too many values. */
  isFull: boolean;
}

/**
 * Counts the values of the metadata's fields, in one pass over all images: texts of up to 1000 characters, numbers and
 * booleans; of a list, each of its values. The most useful field is first: `label`, then `folder`, then those with
 * fewer values. Fields that group nothing, such as a file's name, are left out: those of more than 16 images of which
 * more than half have a value of their own.
 *
 * @returns How many images fit the filter, and up to 100 fields; the one that was asked for, also where no image has it.
 */
export async function countFacets(
  { filter, field, search, limit }: FacetsWanted,
  images: Pick<Images, "each" | "count">,
): Promise<{ total: number; fields: Facet[] }> {
  const tallies = new Map<string, Tally>();
  const sought = search?.toLowerCase();
  const isSought = (value: FacetValue) => sought === undefined || `${value}`.toLowerCase().includes(sought);
  // A field of which more than half of all images have a value of their own groups nothing, whatever is to come.
  const mostValues =
    field === undefined ? Math.min(MAX_DISTINCT, Math.max(1000, (await images.count()) / 2)) : MAX_DISTINCT;
  let total = 0;
  let characters = 0;

  const add = (tally: Tally, value: FacetValue): void => {
    const known = tally.counts.get(value);
    if (known !== undefined) return void tally.counts.set(value, known + 1);
    // Of one field there may be too many values to keep, but not too many that are sought.
    if (tally.isFull || (field !== undefined && !isSought(value))) return;
    const more = CHARACTERS_MORE + (typeof value === "string" ? value.length : 0);
    if (tally.counts.size < mostValues && characters + more <= MAX_CHARACTERS) {
      tally.counts.set(value, 1);
      tally.characters += more;
      characters += more;
      return;
    }
    tally.isFull = true;
    if (field !== undefined) return;
    characters -= tally.characters;
    tally.counts.clear();
  };
  const count = (name: string, value: unknown): void => {
    const values = Array.isArray(value) ? new Set(value.filter(isValue)) : undefined;
    if (values ? values.size === 0 : !isValue(value)) return;
    let tally = tallies.get(name);
    if (!tally) {
      if (tallies.size === MAX_FIELDS) return;
      tally = { images: 0, counts: new Map(), characters: 0, isFull: false };
      tallies.set(name, tally);
    }
    tally.images++;
    if (values) for (const one of values) add(tally, one);
    else add(tally, value as FacetValue);
  };

  for await (const batch of images.each()) {
    for (const image of batch) {
      if (filter && !matchesFilter(filter, image)) continue;
      total++;
      if (field === undefined) visitFields(image.metadata, count);
      else count(field, valueAt(image.metadata, field));
    }
  }

  if (field !== undefined) {
    const { images = 0, counts = new Map() } = tallies.get(field) ?? {};
    return { total, fields: [{ field, images, ...(await mostFrequent(counts, isSought, limit)) }] };
  }
  const useful = [...tallies]
    .filter(([, { images, counts, isFull }]) => !isFull && (images <= FEW || counts.size <= images / 2))
    .sort(([a, one], [b, other]) => rank(a) - rank(b) || one.counts.size - other.counts.size || (a < b ? -1 : 1));
  const fields: Facet[] = [];
  for (const [name, { images, counts }] of useful.slice(0, MAX_ANSWERED)) {
    const found = await mostFrequent(counts, isSought, limit);
    if (found.distinct > 0) fields.push({ field: name, images, ...found });
  }
  return { total, fields };
}

const rank = (field: string) => (FIRST.includes(field) ? FIRST.indexOf(field) : FIRST.length);

const isValue = (value: unknown): value is FacetValue =>
  (typeof value === "string" && value.length <= MAX_TEXT) || typeof value === "number" || typeof value === "boolean";

/** Calls `see` with every field that a filter can name and its value, which is no object. */
function visitFields(metadata: Metadata, see: (field: string, value: unknown) => void): void {
  const visit = (value: unknown, field: string): void => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      if (field !== "" && field.length <= MAX_NAME) see(field, value);
      return;
    }
    for (const [key, inner] of Object.entries(value)) {
      const path = `${field}.${key}`;
      // No path leads to a key with a dot, and a key that is the path literally goes before it.
      if (!key.includes(".") && !Object.hasOwn(metadata, path)) visit(inner, path);
    }
  };
  for (const [key, value] of Object.entries(metadata)) if (!key.startsWith("$")) visit(value, key);
}

/** The most frequent of the values that are sought, and how many of these there are. */
async function mostFrequent(
  counts: ReadonlyMap<FacetValue, number>,
  isSought: (value: FacetValue) => boolean,
  limit: number,
): Promise<Pick<Facet, "distinct" | "values">> {
  let distinct = 0;
  let best: Array<[value: FacetValue, count: number]> = [];
  const order = ([a, one]: (typeof best)[number], [b, other]: (typeof best)[number]) =>
    other - one || (`${a}` < `${b}` ? -1 : 1);
  let waiting: typeof best = [];
  const sort = async () => {
    best = [...best, ...waiting].sort(order).slice(0, limit);
    waiting = [];
    await new Promise(setImmediate);
  };
  for (const entry of counts) {
    if (!isSought(entry[0])) continue;
    distinct++;
    if (waiting.push(entry) === SORTED) await sort();
  }
  await sort();
  return { distinct, values: best.map(([value, count]) => ({ value, count })) };
}
