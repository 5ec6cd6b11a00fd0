// What the proof of several servers takes away in the middle of a swap, and how it comes back.
import { setTimeout as sleep } from "node:timers/promises";
import { crashPostgres, restartPostgres, runSql } from "../support/postgres.ts";
import type { S3Process } from "../support/s3-process.ts";
import { untilEnded } from "../support/swaps.ts";
import type { Hosts } from "./cluster-hosts.ts";
import type { Findings } from "./findings.ts";
import { type Http, RequestError } from "./http.ts";
import { untilTrue } from "./in-time.ts";
import type { ServerHandle } from "./server-handle.ts";

/** What is taken away while a swap is in `state`. */
export interface Fault {
  readonly state: string;
  /**
   * `leader`, `follower`: kill -9 of the server that runs the swap, or of another one. `postgres`: the database crashes
   * and starts again. `leader's link`, `follower's link`: the server is cut off from the storage until the others have
   * switched. `files`: the file store says nothing for 20 seconds. `lead`: another server gets the lead while the one
   * that had it lives, and fails.
   */
  readonly target: "leader" | "follower" | "postgres" | "leader's link" | "follower's link" | "files" | "lead";
}

/** States of a swap in which servers are killed; `active` is right after the switch. */
const STATES = ["loading", "warming", "backfilling", "verifying", "ready", "active"];

export const ALL_FAULTS: readonly Fault[] = [
  ...STATES.flatMap((state): Fault[] => [
    { state, target: "leader" },
    { state, target: "follower" },
  ]),
  { state: "backfilling", target: "postgres" },
  { state: "ready", target: "postgres" },
  { state: "backfilling", target: "leader's link" },
  { state: "backfilling", target: "follower's link" },
  { state: "backfilling", target: "files" },
  { state: "warming", target: "lead" },
];

/** One of each kind. */
export const FEW_FAULTS: readonly Fault[] = [
  { state: "backfilling", target: "leader" },
  { state: "ready", target: "follower" },
  { state: "backfilling", target: "postgres" },
  { state: "backfilling", target: "follower's link" },
  { state: "backfilling", target: "files" },
  { state: "warming", target: "lead" },
];

/** True where servers must be on hosts of their own for this. */
export const cutsLink = ({ target }: Fault): boolean => target === "leader's link" || target === "follower's link";

/** A fault in the backfill comes this much after it has begun, milliseconds. */
const INTO_BACKFILL_MS = 300;
const FILES_AWAY_MS = 20_000;

/** A swap takes no longer, with what is done to it, on a machine that has much else to do. Milliseconds. */
export const SWAP_MS = 15 * 60_000;

export interface FaultDeps {
  readonly servers: readonly ServerHandle[];
  readonly hosts: Hosts;
  readonly files: S3Process;
  /** Requests to any server, and to one. */
  readonly http: Http;
  readonly httpOf: (server: ServerHandle) => Http;
  readonly findings: Findings;
  readonly database: string;
}

/**
 * Holds the next swap at a state. Resolves with the server that runs it once it is held. `deaf`: that server does not
 * hear meanwhile that it has lost the lead; else it would end its swap itself.
 */
export function holdAnywhere(
  servers: readonly ServerHandle[],
  state: string,
  options: { deaf?: boolean } = {},
): Promise<ServerHandle> {
  return Promise.race(servers.map((server) => server.holdAt(state, options).then(() => server)));
}

/** Lets the fault happen to a swap that is held by `leader`, and resolves when every server is there again. */
export async function strike(
  { target, state }: Fault,
  { leader, swap }: { readonly leader: ServerHandle; readonly swap: string },
  deps: FaultDeps,
): Promise<void> {
  const { servers, hosts, files, http, findings } = deps;
  const others = servers.filter((server) => server !== leader);
  const follower = others[0]!;
  for (const server of others) server.go(); // they would be held when they follow
  const goOn = async () => {
    leader.go();
    if (state === "backfilling") await sleep(INTO_BACKFILL_MS);
  };
  const all = () => Promise.all(servers.map((server) => answers(server, deps)));

  switch (target) {
    case "leader":
      if (state === "backfilling") await goOn();
      return outageOf(leader, findings, () => leader.kill("server"));
    case "follower":
      if (state === "backfilling") await goOn();
      await outageOf(follower, findings, () => follower.kill("server"));
      return leader.go();
    case "postgres":
      await goOn();
      return findings.outage(async () => {
        await crashPostgres();
        await restartPostgres();
        await all();
      });
    case "leader's link":
    case "follower's link": {
      const server = target === "leader's link" ? leader : follower;
      if (server === follower) await goOn();
      return outageOf(server, findings, async () => {
        await hosts.cut(servers.indexOf(server));
        await untilEnded(() => http.swap(swap).catch(() => undefined), SWAP_MS);
        const { status } = await fetch(`${server.url}/readyz`);
        if (status !== 503) findings.found("failedOutsideKills", `a server that is cut off is ready: ${status}`);
        await hosts.mend(servers.indexOf(server));
        leader.go();
        await answers(server, deps);
      });
    }
    case "files":
      await goOn();
      return findings.outage(
        async () => {
          files.pause();
          await sleep(FILES_AWAY_MS);
          files.resume();
          await all();
        },
        (error) => error instanceof RequestError && error.request.asked === "POST /v1/images",
      );
    case "lead": {
      const { id } = (await http.servers()).find(({ url }) => url === leader.url)!;
      let continued = false;
      void holdAnywhere(others, "backfilling").then(() => {
        continued = true;
      });
      // Again where it hears once more and takes the lead back before another server asks for it.
      await untilTrue("another server has the lead and continues the swap", async () => {
        if (!continued) await runSql(deps.database, endConnectionOf(id));
        return continued;
      });
      leader.go({ fails: true });
      await untilTrue("the server that lost the lead follows the swap again, or has ended it", async () => {
        if ((await http.swap(swap)).state === "failed") return true;
        const own = (await http.servers()).find(({ url }) => url === leader.url);
        return own !== undefined && own.generations.length >= 2;
      });
      for (const server of others) server.go();
    }
  }
}

/** Ends the connection whose lock gives a server the lead; see server/storage/postgres/servers.ts. */
const endConnectionOf = (server: string) => `
  SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_database d ON d.oid = database
  WHERE locktype = 'advisory' AND granted AND datname = current_database() AND classid = 0 AND objid = ${0x6d6f6373}
    AND (SELECT server FROM leadership) = '${server}'`;

/** While `action` runs, requests to this server may fail; those to others may not. */
function outageOf(server: ServerHandle, findings: Findings, action: () => Promise<void>): Promise<void> {
  const before = server.url;
  return findings.outage(
    action,
    (error) => error instanceof RequestError && [before, server.url].includes(error.request.server),
  );
}

/** Resolves once a server reaches the database, and answers with the generation that is active. */
async function answers(server: ServerHandle, { httpOf }: FaultDeps): Promise<void> {
  const succeeds = (request: Promise<unknown>) => request.then(Boolean, () => false);
  let calm = 0;
  await untilTrue(`${server.url} answers again`, async () => {
    const ready = fetch(`${server.url}/readyz`).then(({ ok }) => ok);
    const both = await Promise.all([ready.catch(() => false), succeeds(httpOf(server).servers())]);
    calm = both.every(Boolean) ? calm + 1 : 0;
    return calm === 3;
  });
}
