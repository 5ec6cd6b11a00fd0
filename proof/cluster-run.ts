// The proof for several servers: clients ask them in turn, through swaps and rollbacks, kills of each server, crashes
// of the database, servers that are cut off and a file store that goes away.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pMap from "p-map";
import type { Model } from "../core/model.ts";
import { openSharedApiKeys } from "../server/storage/open.ts";
import type { S3Process } from "../support/s3-process.ts";
import { untilEnded } from "../support/swaps.ts";
import { audit } from "./audit.ts";
import { cutsLink, type Fault, holdAnywhere, SWAP_MS, strike } from "./cluster-faults.ts";
import { openHosts } from "./cluster-hosts.ts";
import type { Fence } from "./fences.ts";
import { createFindings, type Findings } from "./findings.ts";
import { createHttp, type Http, type SwapAnswer } from "./http.ts";
import { createLedger } from "./ledger.ts";
import { createOracle, type Oracle } from "./oracle.ts";
import { makePictures } from "./pictures.ts";
import { publisher, quantile } from "./run.ts";
import { type ServerHandle, startServer } from "./server-handle.ts";
import { startTraffic, type Traffic } from "./traffic.ts";

export interface ClusterProofOptions {
  /** An empty folder, for what each server keeps. */
  readonly folder: string;
  readonly database: string;
  readonly files: S3Process;
  readonly models: readonly [Model, Model];
  readonly servers: number;
  readonly images: number;
  /** Swaps without a fault, every fourth of them a rollback; one with each of `faults` follows. */
  readonly swaps: number;
  readonly faults: readonly Fault[];
  /** A fence that the servers go without, and pauses that give races time: for the proof of the proof. */
  readonly without?: Fence | undefined;
  readonly slow?: boolean;
  readonly tell: (words: string) => void;
}

/** Between two looks at a swap. */
const LOOK_MS = 200;

/** Counts of findings are 0 where the proof holds. */
export type ClusterOutcome = Findings["counts"] & {
  /** Swaps and rollbacks that have switched. */
  readonly swaps: number;
  readonly faults: number;
  /** Of searches by image, while a swap without a fault runs. */
  readonly p99Ms: number;
  /** From the request to the switch, under load, without a fault. */
  readonly swapSeconds: { readonly median: number };
};

/** Runs the proof. */
export async function runClusterProof(options: ClusterProofOptions): Promise<ClusterOutcome> {
  const { folder, models, images, faults, without, slow = false, tell } = options;
  const findings = createFindings(tell);
  const ledger = createLedger();
  const pictures = await makePictures(images + Math.max(60, Math.floor(images / 4)));
  const oracles = new Map<string, Oracle>();
  for (const model of models) oracles.set(model.card.name, await createOracle(model, pictures));
  const publish = publisher(join(folder, "models"));
  for (const model of models) await publish(model);

  const hosts = await openHosts({ ...options, files: options.files.url, areApart: faults.some(cutsLink) });
  const key = await makeKey(options.database);
  const servers: ServerHandle[] = [];
  let turn = 0;
  const http = watched(
    createHttp(() => servers[turn++ % servers.length]!.url, key),
    findings,
  );
  const deps = { http, ledger, findings, oracles, tell };
  const httpOf = (server: ServerHandle) => createHttp(() => server.url, key);
  let clients: Traffic | undefined;
  const faultDeps = { ...deps, servers, hosts, files: options.files, httpOf, database: options.database };

  try {
    const open = async ({ node, ...place }: (typeof hosts.places)[number], i: number) => {
      const data = join(folder, `data-${i}`);
      const given = { ...place, data, models: join(folder, "models"), model: models[0].card.name, port: 0, threads: 1 };
      const limits = { rateLimit: 0, openSeconds: 600, logLevel: "silent" } as const;
      servers.push(await startServer({ ...given, ...limits }, { without, slow, node }));
    };
    // The first one alone: where two put the same model at once, the S3 server for tests may give half of it.
    const [first, ...others] = hosts.places;
    await open(first!, 0);
    await pMap(others, (place, i) => open(place, i + 1));
    const store = async (picture: number) =>
      ledger.uploaded((await http.upload([pictures[picture]!], [{ picture }]))[0]!, picture);
    const began = performance.now();
    await pMap(
      Array.from({ length: images }, (_, picture) => picture),
      store,
      { concurrency: 8 },
    );
    ledger.takeRecent();
    const rate = (1000 * images) / (performance.now() - began);
    tell(`${images} images stored through ${servers.length} servers, ${rate.toFixed(0)} a second`);

    const traffic = startTraffic({ ...deps, pictures, firstNew: images });
    clients = traffic;
    const latencies: number[] = [];
    const seconds: number[] = [];
    let swaps = 0;
    /** One swap, a rollback or one with a fault, and its audit. */
    const swapOnce = async (what: string, { fault, back = false }: { fault?: Fault; back?: boolean } = {}) => {
      const model = models[(swaps + 1) % 2]!;
      if (!back) await publish(model);
      traffic.takeLatencies();
      const held = fault && holdAnywhere(servers, fault.state, { deaf: fault.target === "lead" });
      const began = performance.now();
      http.expectSwitch(true);
      const { id } = back ? await http.rollback() : await http.activate(model.card.name);
      const course = createCourse();
      const look = async () => {
        await sleep(LOOK_MS);
        return http.swap(id).then(course.note, () => undefined);
      };
      const ended = untilEnded(look, SWAP_MS);
      ended.catch(() => {}); // is waited for below
      if (fault) {
        const leader = await Promise.race([held!, ended.then(() => undefined)]);
        if (leader) await strike(fault, { leader, swap: id }, faultDeps);
        else findings.found("failedOutsideKills", `a swap ended before it was ${fault.state}`);
      }
      const { state, error } = await ended;
      const took = (performance.now() - began) / 1000;
      if (!fault) latencies.push(...traffic.takeLatencies());
      if (!fault && !back) seconds.push(took);
      if (state === "active") swaps++;
      else findings.found("failedOutsideKills", `a swap ended as ${state}: ${error?.detail}`);
      await traffic.pause(() => findings.attempt(() => audit(deps)));
      http.expectSwitch(false);
      tell(`${what}: ${state}, ${took.toFixed(1)} s (${course.words()})`);
    };

    for (let i = 1; i <= options.swaps; i++) {
      if (i % 4 === 0) await swapOnce(`rollback ${i}`, { back: true });
      else await swapOnce(`swap ${i}`);
    }
    for (const fault of faults) await swapOnce(`${fault.target} gone while ${fault.state}`, { fault });
    await traffic.stop();
    await findings.attempt(() => audit(deps, { whole: true }));
    return {
      swaps,
      faults: faults.length,
      ...findings.counts,
      p99Ms: quantile(latencies, 0.99),
      swapSeconds: { median: quantile(seconds, 0.5) },
    };
  } finally {
    const stopped = clients?.stop(); // where a wait was in vain they still ask
    await Promise.all(servers.map((server) => server.close()));
    await stopped;
    await hosts.close();
  }
}

/** How long a swap was in each state, as seen by who follows it. */
function createCourse() {
  const began: Array<{ readonly state: string; readonly at: number }> = [];
  return {
    note(swap: SwapAnswer): SwapAnswer {
      if (began.at(-1)?.state !== swap.state) began.push({ state: swap.state, at: performance.now() });
      return swap;
    },
    words: () =>
      began
        .slice(0, -1)
        .map(({ state, at }, i) => `${state} ${((began[i + 1]!.at - at) / 1000).toFixed(1)}`)
        .join(", "),
  };
}

async function makeKey(database: string): Promise<string> {
  const { keys, close } = await openSharedApiKeys(database);
  try {
    return (await keys.create("admin", "proof")).key;
  } finally {
    await close();
  }
}

/**
 * `http` whose answers, from whichever server, change their generation at most once for each call of `expectSwitch`:
 * after an answer of the new one no request that is made then gets one of the old.
 */
function watched(http: Http, findings: Findings): Http & { expectSwitch(expected: boolean): void } {
  let newest: number | undefined;
  let mayChange = false;
  const watch =
    <A extends unknown[], T extends { readonly generation: number }>(ask: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => {
      const before = newest;
      const answer = await ask(...args);
      const { generation } = answer;
      if (generation === newest || generation === before) return answer;
      if (newest === undefined) newest = generation;
      else if (mayChange) {
        newest = generation;
        mayChange = false;
      } else findings.found("wentBackInTime", `generation ${generation} answered after ${before}`);
      return answer;
    };
  return {
    ...http,
    search: watch(http.search),
    searchJson: watch(http.searchJson),
    expectSwitch(expected) {
      mayChange = expected;
    },
  };
}
