// Requests as fast as the server takes them.
import autocannon from "autocannon";

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
 * Sends POST requests over `connections`, each connection the whole list in turn and again, for `seconds`.
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
  const {
    requests: rate,
    latency,
    errors,
    non2xx,
  } = await autocannon({ url, requests, connections, duration: seconds });
  if (errors + non2xx > 0)
    throw new Error(`Expected only answers of 2xx but ${errors} failed and ${non2xx} had another`);
  return { requestsPerSecond: rate.average, p50: latency.p50, p99: latency.p99 };
}
