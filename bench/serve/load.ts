// Requests as fast as the server takes them.
import autocannon from "autocannon";

/** Seconds at the start of a measurement that its rate leaves out. */
export const SETTLING = 1;

/** One request of {@link fire}. */
export interface Shot {
  readonly path: string;
  readonly type: string;
  readonly body: string | Buffer;
}

/** What came of it. Times are milliseconds. */
export interface Fired {
  readonly requestsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
}

/**
 * Sends POST requests over `connections`, each connection the whole list in turn and again. The rate is that of
 * `seconds`, once it has settled.
 *
 * @throws Error where a request is not answered with 2xx.
 */
export async function fire(
  url: string,
  shots: readonly Shot[],
  { connections, seconds }: { connections: number; seconds: number },
): Promise<Fired> {
  const requests = shots.map(({ path, type, body }) => ({
    method: "POST" as const,
    path,
    headers: { "Content-Type": type },
    body,
  }));
  const answered = createRate();
  const { latency, errors, non2xx } = await autocannon({
    ...{ url, requests, connections, duration: SETTLING + seconds },
    setupClient: (client) => void client.on("response", () => answered.count(1)),
  });
  if (errors + non2xx > 0)
    throw new Error(`Expected only answers of 2xx but ${errors} failed and ${non2xx} had another`);
  return { requestsPerSecond: answered.perSecond(), p50: latency.p50, p99: latency.p99 };
}

/**
 * The rate at which things get done from the first that is done after {@link SETTLING} seconds to the last: until then
 * nothing may be done yet, of many that are under way, and batches are smaller than later.
 */
export function createRate(): { count(done: number): void; perSecond(): number } {
  const from = performance.now() + SETTLING * 1000;
  let first: number | undefined;
  let last = Number.NaN;
  let counted = 0;
  return {
    count(done) {
      last = performance.now();
      if (first !== undefined) counted += done;
      else if (last >= from) first = last;
    },
    perSecond: () => (1000 * counted) / (last - (first ?? Number.NaN)),
  };
}
