// The proof from its first step to its last: swaps under traffic, kills in every state, and the audit.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Model } from "../core/model.ts";
import { readOnnx } from "../core/model.ts";
import { writeModel } from "../core/model-folder.ts";
import { untilEnded } from "../support/swaps.ts";
import { audit } from "./audit.ts";
import { createFindings } from "./findings.ts";
import type { Guard } from "./guards.ts";
import { createHttp } from "./http.ts";
import { createLedger } from "./ledger.ts";
import { createOracle } from "./oracle.ts";
import { makePictures } from "./pictures.ts";
import { type ServerHandle, startServer, type Target } from "./server-handle.ts";
import { startTraffic, type Traffic } from "./traffic.ts";

/** A kill -9 of `target` where a swap is in `state`. */
export interface Kill {
  readonly state: string;
  readonly target: Target;
}

/** States of a swap in which something is killed; `active` is right after the switch. */
const STATES = ["loading", "warming", "backfilling", "verifying", "ready", "active"];
const TARGETS: readonly Target[] = ["server", "encoder", "index"];

/** Every target in every state. */
export const ALL_KILLS: readonly Kill[] = STATES.flatMap((state) => TARGETS.map((target) => ({ state, target })));

export interface ProofOptions {
  /** An empty folder, for the server's data and models. */
  readonly folder: string;
  /** Two models of different names and one, `collapsed`, that must be refused. */
  readonly models: readonly [Model, Model];
  readonly collapsed: Model;
  /** Images stored at first. */
  readonly images: number;
  /** Swaps without a kill; a swap with each of `kills` follows. */
  readonly swaps: number;
  readonly kills: readonly Kill[];
  /** Milliseconds of traffic without a swap before each swap. */
  readonly idleMs: number;
  /** A guard that the server goes without, and pauses that give races time: for the proof of the proof. */
  readonly without?: Guard;
  readonly slow?: boolean;
  /** Is told what happens. */
  readonly tell: (words: string) => void;
}

/** The outcome as JSON shows it. Counts are 0 where the proof holds. */
export interface Outcome {
  readonly swaps: number;
  readonly kills: number;
  readonly requests: number;
  readonly failedOutsideKills: number;
  readonly mixedGenerationAnswers: number;
  readonly lostImages: number;
  readonly resurrectedImages: number;
  readonly wrongEmbeddings: number;
  readonly lostChanges: number;
  readonly wentBackInTime: number;
  /** Of searches by image, under the same load. */
  readonly p99Ms: { readonly idle: number; readonly duringSwap: number };
  /** From the request to the switch, under load. */
  readonly swapSeconds: { readonly median: number };
  /** Of one more swap, without load. */
  readonly backfillImagesPerSecond: number;
  /** Server and its encoder processes, after each swap without a kill. */
  readonly rssMbAfterEachSwap: readonly number[];
}

/** Runs the proof. */
export async function runProof(options: ProofOptions): Promise<Outcome> {
  const { folder, models, images, tell } = options;
  const findings = createFindings(tell);
  const ledger = createLedger();
  const pictures = await makePictures(images + Math.max(500, Math.floor(images / 4)));
  const oracles = new Map<string, Awaited<ReturnType<typeof createOracle>>>();
  for (const model of models) oracles.set(model.card.name, await createOracle(model, pictures));
  const modelsFolder = join(folder, "models");
  const publish = publisher(modelsFolder);
  for (const model of [...models, options.collapsed]) await publish(model);

  const server = await startServer(
    { data: join(folder, "data"), models: modelsFolder, model: models[0].card.name, port: 0, logLevel: "silent" },
    { without: options.without, slow: options.slow ?? false },
  );
  const http = createHttp(() => server.url);
  const deps = { http, ledger, findings, oracles, tell };
  let clients: Traffic | undefined;
  try {
    for (let from = 0; from < images; from += 100) {
      const batch = Array.from({ length: Math.min(100, images - from) }, (_, i) => from + i);
      const ids = await http.upload(
        batch.map((picture) => pictures[picture]!),
        batch.map((picture) => ({ picture })),
      );
      for (const [i, id] of ids.entries()) ledger.uploaded(id, batch[i]!);
    }
    ledger.takeRecent();
    tell(`${images} images stored`);

    const traffic = startTraffic({ ...deps, pictures, firstNew: images });
    clients = traffic;
    const idle: number[] = [];
    const during: number[] = [];
    const seconds: number[] = [];
    const rss: number[] = [];
    let swaps = 0;
    let kills = 0;
    const nextModel = () => models[(swaps + 1) % 2]!;

    for (let i = 0; i < options.swaps; i++) {
      traffic.takeLatencies();
      await sleep(options.idleMs);
      idle.push(...traffic.takeLatencies());
      await publish(nextModel());
      const began = performance.now();
      const { state, error } = await swapTo(http, nextModel().card.name);
      during.push(...traffic.takeLatencies());
      if (state === "active") {
        swaps++;
        seconds.push((performance.now() - began) / 1000);
      } else findings.found("failedOutsideKills", `a swap ended as ${state}: ${error?.detail}`);
      await traffic.pause(() => audit(deps));
      rss.push(Math.round(server.rssMb()));
      tell(`swap ${i + 1}: ${state}, ${seconds.at(-1)?.toFixed(1)} s, ${rss.at(-1)} MB`);
    }

    for (const kill of options.kills) {
      await publish(nextModel());
      const state = await swapWithKill(http, server, nextModel().card.name, kill, findings.outage);
      kills++;
      if (state === "active") swaps++;
      else if (kill.target === "server") {
        findings.found("failedOutsideKills", `the swap that a kill in ${kill.state} interrupted ended as ${state}`);
      }
      await traffic.pause(() => audit(deps));
      tell(`kill of ${kill.target} while ${kill.state}: ${state}`);
    }

    const refused = await swapTo(http, options.collapsed.card.name);
    if (refused.state !== "failed") {
      findings.found("failedOutsideKills", `a collapsed model was not refused: ${refused.state}`);
    }
    await traffic.stop();
    await audit(deps, { whole: true });
    await publish(nextModel());
    const backfillImagesPerSecond = ledger.stored.size / (await backfillSeconds(http, nextModel().card.name));
    tell(`recall@10 of sampled answers against exact search: ${traffic.recall().toFixed(4)}`);
    const bare = oracles.get(nextModel().card.name)!.imagesPerSecond;
    tell(`backfill without load: ${backfillImagesPerSecond.toFixed(0)} images/s; bare encoder: ${bare.toFixed(0)}`);
    return {
      swaps,
      kills,
      ...findings.counts,
      p99Ms: { idle: quantile(idle, 0.99), duringSwap: quantile(during, 0.99) },
      swapSeconds: { median: quantile(seconds, 0.5) },
      backfillImagesPerSecond,
      rssMbAfterEachSwap: rss,
    };
  } finally {
    const stopped = clients?.stop(); // where a wait was in vain they still ask
    await server.close();
    await stopped;
  }
}

/**
 * Writes models as a training does. Each time the model is another one to the server, which must embed every image
 * again, while its embeddings are the same to seven digits.
 */
export function publisher(modelsFolder: string): (model: Model) => Promise<void> {
  let version = 0;
  return async (model) => {
    version++;
    const [r, g, b] = model.card.input.mean;
    const input = { ...model.card.input, mean: [r + version * 1e-9, g, b] as [number, number, number] };
    const card = { ...model.card, version: `${version}`, input };
    await writeModel(modelsFolder, card, { onnx: await readOnnx(model) }, { replace: true });
  };
}

async function swapTo(http: ReturnType<typeof createHttp>, name: string) {
  return swapEnd(http, (await http.activate(name)).id);
}

/** Follows a swap to its end, through restarts of the server. */
function swapEnd(http: ReturnType<typeof createHttp>, id: string) {
  return untilEnded(() => http.swap(id).catch(() => undefined), 10 * 60_000);
}

/** A mid-backfill kill comes this much after the backfill began. */
const INTO_BACKFILL_MS = 300;

async function swapWithKill(
  http: ReturnType<typeof createHttp>,
  server: ServerHandle,
  name: string,
  { state, target }: Kill,
  outage: <T>(action: () => Promise<T>) => Promise<T>,
): Promise<string> {
  const held = server.holdAt(state);
  const { id } = await http.activate(name);
  await held;
  if (state === "backfilling") {
    server.go();
    await sleep(INTO_BACKFILL_MS);
  }
  await outage(async () => {
    const killed = server.kill(target);
    if (target !== "server") server.go();
    await killed;
  });
  return (await swapEnd(http, id)).state;
}

/** Swaps without load and returns how long the backfill took. */
async function backfillSeconds(http: ReturnType<typeof createHttp>, name: string): Promise<number> {
  const { id } = await http.activate(name);
  const enters = async (states: readonly string[]) => {
    for (;;) {
      const { state } = await http.swap(id);
      if (states.includes(state)) return performance.now();
      await sleep(5);
    }
  };
  const began = await enters(["backfilling"]);
  return ((await enters(["verifying", "ready", "active", "failed"])) - began) / 1000;
}

/** The quantile `q`, 0..1, of numbers in any order. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}
