// The stored images that are listed: pages of them, one after the other, in the order and with the filter chosen.
import { effect, signal } from "@preact/signals";
import type { Filter, Image } from "../../client/index.ts";
import { changes } from "../state/changes.ts";
import { address, replaceAddress, route } from "../state/route.ts";
import { apiUntil, problemOf, returns } from "../state/server.ts";

const PAGE = 500;

/** What is listed. */
export interface Listing {
  readonly order: "newest" | "oldest";
  readonly filter?: Filter | undefined;
}

export const listing = signal<Listing>({ order: "newest" });

/** The images so far, and how many fit in all; undefined until the server has answered. */
export const listed = signal<readonly Image[]>([]);
export const total = signal<number | undefined>(undefined);
export const problem = signal<ReturnType<typeof problemOf> | undefined>(undefined);

let cursor: string | undefined;
let running: AbortController | undefined;

/** Lists from the start. */
export function reload(): void {
  running?.abort();
  running = undefined;
  cursor = undefined;
  total.value = undefined;
  void read(true);
}

/** Lists the next page, where there is one. */
export function more(): void {
  if (cursor && !running) void read(false);
}

/** Puts an image that was just stored in its place. */
export function put(image: Image): void {
  const { order, filter } = listing.value;
  if (filter || order !== "newest" || listed.value.some(({ id }) => id === image.id)) return;
  listed.value = [image, ...listed.value];
  total.value = (total.value ?? 0) + 1;
}

async function read(isFirst: boolean): Promise<void> {
  const abort = new AbortController();
  running = abort;
  try {
    const page = await apiUntil(abort.signal).listImages({ ...listing.peek(), limit: PAGE, cursor });
    if (abort.signal.aborted) return;
    const known = new Set(isFirst ? [] : listed.value.map(({ id }) => id));
    const fresh = page.images.filter(({ id }) => !known.has(id)); // an upload meanwhile moves the pages
    listed.value = isFirst ? fresh : [...listed.value, ...fresh];
    if (page.total !== undefined) total.value = page.total;
    cursor = page.nextCursor;
    problem.value = undefined;
  } catch (error) {
    if (!abort.signal.aborted) problem.value = problemOf(error);
  }
  if (running === abort) running = undefined;
}

/** Lists something else, and keeps it in the address. */
export function list(change: Partial<Listing>): void {
  const next = { ...listing.value, ...change };
  const parameters = {
    order: next.order === "newest" ? undefined : next.order,
    filter: next.filter && JSON.stringify(next.filter),
  };
  replaceAddress(address("collection", parameters));
}

// The address says what is listed; the list is read anew where that, or what is stored, has changed.
effect(() => {
  const { view, parameters } = route.value;
  if (view !== "collection") return;
  const next: Listing = {
    order: parameters.get("order") === "oldest" ? "oldest" : "newest",
    filter: JSON.parse(parameters.get("filter") ?? "null") ?? undefined,
  };
  if (JSON.stringify(next) !== JSON.stringify(listing.peek()) || total.peek() === undefined) {
    listing.value = next;
    reload();
  }
});
effect(() => {
  if (changes.value > 0) reload();
});
effect(() => {
  if (returns.value > 0 && problem.peek()) reload();
});
