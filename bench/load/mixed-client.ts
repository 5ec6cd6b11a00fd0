// One client of the mixed load.
import { png } from "../../support/pictures.ts";

/** What came of all requests of all clients. */
export interface Tally {
  /** How often each answer came, by kind of request and status: "upload 201". */
  readonly statuses: Map<string, number>;
  /** How often each code came with a refusal. */
  readonly refusals: Map<string, number>;
  /** Answers that should not have come; the first of them. */
  readonly failures: string[];
}

/** Kept failures. */
const MOST_FAILURES = 20;
/** Pictures to draw uploads from: some are stored already when they come again. */
const PICTURES = 100_000;

/** What the clients of one run share, and what is this one's. */
export interface MixedLoad {
  readonly random: () => number;
  /** Ids of stored images that no client is deleting. */
  readonly stored: string[];
  /** Below so many stored images more are added than deleted, above it the other way round. */
  readonly images: number;
  readonly tally: Tally;
  /** Milliseconds since 1970. */
  readonly until: number;
}

/** Sends one request after another until the time is over: half of them searches, the others uploads and deletes. */
export async function startMixedClient(
  url: string,
  { random, stored, images, tally, until }: MixedLoad,
): Promise<void> {
  const pick = () => stored[Math.floor(random() * stored.length)];
  const take = () => {
    const place = Math.floor(random() * stored.length);
    const id = stored[place];
    const last = stored.pop();
    if (place < stored.length) stored[place] = last!;
    return id;
  };

  /** A status that is expected, or a refusal on purpose: 404 for what another client deletes meanwhile, 503. */
  const send = async (kind: string, path: string, init: RequestInit, expected: number): Promise<unknown> => {
    const response = await fetch(url + path, init);
    const text = await response.text();
    const name = `${kind} ${response.status}`;
    tally.statuses.set(name, (tally.statuses.get(name) ?? 0) + 1);
    if (response.status === expected) return text === "" ? undefined : JSON.parse(text);
    const { code } = JSON.parse(text) as { code: string };
    tally.refusals.set(code, (tally.refusals.get(code) ?? 0) + 1);
    const isDeliberate = code === "overloaded" || (code === "image_not_found" && kind === "search");
    if (!isDeliberate && tally.failures.length < MOST_FAILURES) tally.failures.push(`${name}: ${text}`);
    return undefined;
  };
  const upload = async () => {
    const form = new FormData();
    form.append("image", new Blob([await png(Math.floor(random() * PICTURES), { width: 32, height: 32 })]), "a.png");
    form.append("metadata", JSON.stringify({ place: Math.floor(random() * 100) }));
    const answer = await send("upload", "/v1/images", { method: "POST", body: form }, 201);
    for (const { id } of (answer as { images: Array<{ id: string }> } | undefined)?.images ?? []) stored.push(id);
  };
  const search = (id: string) => {
    const filter = random() < 0.2 ? { filter: { field: "place", lt: 50 } } : {};
    const body = JSON.stringify({ id, k: 10, ...filter });
    const headers = { "Content-Type": "application/json" };
    return send("search", "/v1/search", { method: "POST", headers, body }, 200);
  };

  while (Date.now() < until) {
    try {
      const id = pick();
      if (id !== undefined && random() < 0.5) await search(id);
      else if (random() < Math.min(0.9, stored.length / (2 * images))) {
        const gone = take();
        if (gone !== undefined) await send("delete", `/v1/images/${gone}`, { method: "DELETE" }, 204);
      } else await upload();
    } catch (error) {
      if (tally.failures.length < MOST_FAILURES) tally.failures.push(String(error));
      else return;
    }
  }
}
