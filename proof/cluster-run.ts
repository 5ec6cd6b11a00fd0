// The proof for several servers: clients ask them in turn, through swaps, kills of each server and a crash of the
// database.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pMap from "p-map";
import type { Model } from "../core/model-folder.ts";
import type { ServerRecord } from "../server/domain/server.ts";
import { startPostgres, stopPostgres } from "../support/postgres.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { untilEnded } from "../support/swaps.ts";
import { audit } from "./audit.ts";
import { createFindings, type Findings } from "./findings.ts";
import { createHttp, type Http } from "./http.ts";
import { createLedger } from "./ledger.ts";
import { createOracle, type Oracle } from "./oracle.ts";
import { makePictures } from "./pictures.ts";
import { publisher } from "./run.ts";
import { startTraffic } from "./traffic.ts";

/** What is taken away while a swap is in `state`. */
export interface Fault {
  readonly state: string;
  /** The server that runs the swap, another one, or PostgreSQL. */
  readonly target: "leader" | "follower" | "postgres";
}

/** States that last long enough to be met from outside. */
const STATES = ["loading", "backfilling", "verifying", "active"];

/** Both kinds of servers in each state, and the database where most is written. */
export const ALL_FAULTS: readonly Fault[] = [
  ...STATES.flatMap((state): Fault[] => [
    { state, target: "leader" },
    { state, target: "follower" },
  ]),
  { state: "backfilling", target: "postgres" },
];

export interface ClusterProofOptions {
  /** An empty folder, for what each server keeps. */
  readonly folder: string;
  readonly database: string;
  readonly files: string;
  readonly models: readonly [Model, Model];
  readonly servers: number;
  readonly images: number;
  /** Swaps without a fault; one with each of `faults` follows. */
  readonly swaps: number;
  readonly faults: readonly Fault[];
  readonly tell: (words: string) => void;
}

/** Counts are 0 where the proof holds. */
export type ClusterOutcome = Findings["counts"] & { readonly swaps: number; readonly faults: number };

/** Runs the proof. */
export async function runClusterProof(options: ClusterProofOptions): Promise<ClusterOutcome> {
  const { folder, models, images, tell } = options;
  const findings = createFindings(tell);
  const ledger = createLedger();
  const pictures = await makePictures(images + Math.max(200, Math.floor(images / 4)));
  const oracles = new Map<string, Oracle>();
  for (const model of models) oracles.set(model.card.name, await createOracle(model, pictures));
  const publish = publisher(join(folder, "models"));
  for (const model of models) await publish(model);

  const flags = ["--database", options.database, "--files", options.files, "--threads", "1"];
  const open = (i: number) =>
    startServerProcess(folder, [...flags, "--model", models[0].card.name, "--data", join(folder, `data-${i}`)]);
  const servers: ServerProcess[] = await Promise.all(Array.from({ length: options.servers }, (_, i) => open(i)));
  let turn = 0;
  const http = watched(
    createHttp(() => servers[turn++ % servers.length]!.url),
    findings,
  );
  const deps = { http, ledger, findings, oracles, tell };

  /** Ends a server as a crash would, and starts it again. */
  const kill = async (i: number) => {
    await servers[i]!.stop("SIGKILL");
    servers[i] = await open(i);
  };
  const leader = async (): Promise<number> => {
    for (;;) {
      const list = (await (await fetch(`${servers[0]!.url}/v1/servers`)).json()) as { servers: ServerRecord[] };
      const url = list.servers.find(({ leads }) => leads)?.url;
      const at = servers.findIndex((server) => server.url === url);
      if (at >= 0) return at;
      await sleep(200);
    }
  };

  try {
    const numbers = Array.from({ length: images }, (_, picture) => picture);
    const store = async (picture: number) =>
      ledger.uploaded((await http.upload([pictures[picture]!], [{ picture }]))[0]!, picture);
    await pMap(numbers, store, { concurrency: 8 });
    ledger.takeRecent();
    tell(`${images} images stored through ${servers.length} servers`);

    const traffic = startTraffic({ ...deps, pictures, firstNew: images });
    let swaps = 0;
    const swapTo = async (disturb: (id: string) => Promise<void>, what: string) => {
      const model = models[(swaps + 1) % 2]!;
      await publish(model);
      const began = performance.now();
      const { id } = await http.activate(model.card.name);
      await disturb(id);
      const { state, error } = await untilEnded(() => http.swap(id).catch(() => undefined), 15 * 60_000);
      if (state === "active") swaps++;
      else findings.found("failedOutsideKills", `a swap ended as ${state}: ${error?.detail}`);
      await traffic.pause(() => audit(deps));
      tell(`${what}: ${state}, ${((performance.now() - began) / 1000).toFixed(1)} s`);
    };

    for (let i = 0; i < options.swaps; i++) await swapTo(async () => {}, `swap ${i + 1}`);
    for (const { state, target } of options.faults) {
      await swapTo(async (id) => {
        const leads = await leader();
        await reaches(http, id, state);
        await findings.outage(async () => {
          if (target === "postgres") {
            await stopPostgres("immediate");
            await startPostgres();
          } else await kill(target === "leader" ? leads : (leads + 1) % servers.length);
          await Promise.all(servers.map(ready));
        });
      }, `${target} killed while ${state}`);
    }
    await traffic.stop();
    await audit(deps, { whole: true });
    return { swaps, faults: options.faults.length, ...findings.counts };
  } finally {
    await Promise.all(servers.map((server) => server.stop().catch(() => {})));
  }
}

/** `http` whose answers must never be of an older generation than one that had come when they were asked for. */
function watched(http: Http, findings: Findings): Http {
  let newest = 0;
  const watch =
    <A extends unknown[], T>(ask: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      const before = newest;
      const answer = await ask(...args);
      const { generation } = answer as { generation: number };
      if (generation < before) findings.found("wentBackInTime", `generation ${generation} answered after ${before}`);
      newest = Math.max(newest, generation);
      return answer;
    };
  return { ...http, search: watch(http.search), searchJson: watch(http.searchJson) };
}

/** Waits until a swap is in a state, or past it. */
async function reaches(http: Http, id: string, wanted: string): Promise<void> {
  const order = ["loading", "warming", "backfilling", "verifying", "ready", "active"];
  for (;;) {
    const { state } = await http.swap(id);
    if (order.indexOf(state) >= order.indexOf(wanted) || !order.includes(state)) return;
    await sleep(20);
  }
}

async function ready({ url }: ServerProcess): Promise<void> {
  for (let calm = 0; calm < 3; await sleep(100)) {
    calm = (await fetch(`${url}/readyz`).catch(() => undefined))?.ok ? calm + 1 : 0;
  }
}
