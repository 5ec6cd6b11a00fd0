// The address: which view is shown, and with what. It is the part after #, so that the page works below any path.
import { signal } from "@preact/signals";

export const VIEWS = ["search", "collection", "map", "trainings", "models"] as const;

export type ViewName = (typeof VIEWS)[number];

export interface Route {
  readonly view: ViewName;
  readonly parameters: URLSearchParams;
}

/** What the address says. */
export const route = signal<Route>(read());

/** An address as a link has it, such as "#/search?id=…". Parameters that are undefined are left out. */
export function address(view: ViewName, parameters: Readonly<Record<string, string | undefined>> = {}): string {
  const given = Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const query = new URLSearchParams(given).toString();
  return `#/${view}${query && `?${query}`}`;
}

/** Shows another address; the way back leads to this one. */
export function go(to: string): void {
  location.hash = to;
}

/** Changes the address without a step in the history. */
export function replaceAddress(to: string): void {
  if (to === location.hash) return;
  history.replaceState(history.state, "", to);
  route.value = read();
}

function read(): Route {
  const [, name, query] = /^#\/(\w+)(?:\?(.*))?$/.exec(location.hash) ?? [];
  return { view: VIEWS.find((view) => view === name) ?? "search", parameters: new URLSearchParams(query) };
}

/** Milliseconds for which a place that is not laid out yet is waited for. */
const PATIENCE = 4000;

/** Follows the address from now on, and brings the reader back to where they were. */
export function watchAddress(): void {
  history.scrollRestoration = "manual";
  let timer: ReturnType<typeof setTimeout> | undefined;
  addEventListener("scroll", () => {
    clearTimeout(timer);
    timer = setTimeout(() => history.replaceState({ scroll: scrollY }, ""), 100);
  });
  addEventListener("hashchange", () => {
    clearTimeout(timer);
    if (location.hash && !location.hash.startsWith("#/")) return; // an anchor on the page
    route.value = read();
    scrollBack(history.state?.scroll ?? 0);
  });
  if (history.state?.scroll) scrollBack(history.state.scroll);
}

/** Scrolls to a place as soon as the page is long enough, unless the reader has moved meanwhile. */
function scrollBack(place: number): void {
  const end = new AbortController();
  const attempt = () => {
    scrollTo(0, place);
    if (Math.abs(scrollY - place) < 2) end.abort();
  };
  const observer = new ResizeObserver(attempt);
  end.signal.addEventListener("abort", () => observer.disconnect());
  for (const moved of ["wheel", "touchmove", "keydown", "pointerdown", "hashchange"]) {
    addEventListener(moved, () => end.abort(), { once: true, signal: end.signal });
  }
  setTimeout(() => end.abort(), PATIENCE);
  requestAnimationFrame(() => {
    attempt();
    if (!end.signal.aborted) observer.observe(document.body);
  });
}
