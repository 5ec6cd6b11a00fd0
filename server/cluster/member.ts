// This server among those that share a storage: it says that it lives, follows what all of them must follow, and runs
// swaps where it leads. Alone it is not: nothing of this is there for a data folder.
import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";
import { AppError } from "../../core/errors.ts";
import type { GenerationRecord } from "../domain/generation.ts";
import type { ServerRecord } from "../domain/server.ts";
import type { Generation } from "../generation/generation.ts";
import type { Generations } from "../generation/generations.ts";
import type { Course, Servers, Storage } from "../storage/ports.ts";
import { createFollower } from "./follower.ts";

/** Between two signs of life. */
const BEAT_MS = 500;
/** A request waits for the generation that answers now for so long. */
const CATCH_UP_MS = 10_000;
/** A swap waits for every server to open its generation for so long. */
const OPEN_MS = 300_000;

/** What a member needs of swaps. */
export interface SwapRunner {
  /** The id of the swap that runs here. */
  readonly runningHere: string | undefined;
  resume(): Promise<void>;
  cancel(id: string): Promise<unknown>;
  /** Lets a swap that runs here end at its next step; the server that leads continues it. */
  halt(): void;
}

export interface Member {
  readonly id: string;
  /** Why this server must not answer now; undefined where it may. */
  outReason(): string | undefined;
  /** Why it cannot answer anything: it has not reached the database for too long. */
  cutOffReason(): string | undefined;
  /** True where this server runs swaps. */
  readonly leads: boolean;
  list(): Promise<ServerRecord[]>;
  /** Looks which generation answers, and lets it answer here. */
  refresh(): Promise<void>;
  /**
   * Resolves once another generation than this answers here.
   *
   * @throws AppError `generation_replaced` where that takes long.
   */
  catchUp(from: number): Promise<void>;
  /** Resolves once every server that answers has the generation open. */
  haveOpened(generation: Generation, signal: AbortSignal): Promise<void>;
  cancel(swap: string): Promise<void>;
  /** Begins to take part, and resolves when the database knows of this server; `runner` runs swaps. */
  start(runner: SwapRunner): Promise<void>;
  close(): Promise<void>;
}

export interface MemberDeps {
  readonly storage: Storage;
  readonly servers: Servers;
  readonly generations: Generations;
  readonly open: (record: GenerationRecord) => Promise<Generation>;
  /** Where this server listens. */
  readonly url: () => string;
  readonly logger: Logger;
}

/** Makes this server a member; it is one after {@link Member.start}. */
export function createMember({ storage, servers, generations, open, url, logger }: MemberDeps): Member {
  const id = randomUUID();
  const stop = new AbortController();
  const follower = createFollower({ storage, generations, open, logger });
  let runner: SwapRunner | undefined;
  let course: Course | undefined;
  /** When the last beat that was answered began: the database counts from later on. */
  let heardAt = Number.NEGATIVE_INFINITY;
  let leads = false;
  let beating: Promise<void> = Promise.resolve();
  let nextBeat: Promise<void> | undefined;

  const isHeard = () => performance.now() - heardAt < servers.leaseSeconds * 1000;
  const isCurrent = () => course !== undefined && generations.serving?.number === course.active;

  const cutOffReason = () =>
    !runner || isHeard()
      ? undefined
      : "This server has lost touch with the database. It answers again when it has caught up.";

  const lead = async (): Promise<void> => {
    if (leads && (await servers.renew())) return;
    if (leads) {
      leads = false;
      logger.warn({ server: id }, "another server runs swaps from now on");
      runner?.halt();
    }
    leads = await servers.lead(id);
    if (leads) logger.info({ server: id }, "this server runs swaps from now on");
  };

  const beat = async (): Promise<void> => {
    const began = performance.now();
    const state = { id, url: url(), ready: isCurrent(), generations: generations.open().map(({ number }) => number) };
    course = await servers.beat(state);
    heardAt = began;
    await lead();
    const { swap } = course;
    if (leads && swap && runner) {
      if (!runner.runningHere) await runner.resume();
      if (swap.cancelled && runner.runningHere === swap.id) await runner.cancel(swap.id).catch(() => {}); // too late
    }
    follower.follow(course, { runsHere: runner?.runningHere !== undefined });
  };
  /** One beat at a time; all who ask during one share the next. */
  const beatNow = (): Promise<void> => {
    nextBeat ??= beating
      .catch(() => {})
      .then(() => {
        nextBeat = undefined;
        beating = beat();
        return beating;
      });
    return nextBeat;
  };
  const run = async (): Promise<void> => {
    let failed = false;
    while (!stop.signal.aborted) {
      try {
        await beatNow();
        failed = false;
      } catch (error) {
        if (!failed) logger.warn({ err: error }, "the database was not reached; trying again");
        failed = true;
        if (!isHeard() && leads) await lead().catch(() => {});
      }
      await sleep(BEAT_MS, undefined, { signal: stop.signal }).catch(() => {});
    }
  };
  let running: Promise<void> = Promise.resolve();

  const catchUp = async (from: number): Promise<void> => {
    const deadline = performance.now() + CATCH_UP_MS;
    await beatNow();
    while (generations.serving?.number === from) {
      if (performance.now() > deadline) {
        throw new AppError("generation_replaced", "Another model answers now, and this server is loading it.");
      }
      await sleep(10);
    }
  };

  return {
    id,
    get leads() {
      return leads;
    },
    cutOffReason,
    outReason() {
      if (!runner) return undefined;
      if (!isHeard()) return cutOffReason();
      if (!isCurrent()) return "Another model answers now, and this server is loading it.";
      return undefined;
    },
    list: () => servers.list(),
    async refresh() {
      const from = generations.serving?.number;
      const active = await storage.catalogue.generations.inState("active");
      if (from !== undefined && active && active.number !== from) await catchUp(from);
    },
    catchUp,
    async haveOpened({ number, card }, signal) {
      const deadline = performance.now() + OPEN_MS;
      for (;;) {
        const without = (await servers.list()).filter(({ ready, generations: has }) => ready && !has.includes(number));
        if (without.length === 0) return;
        if (performance.now() > deadline) {
          throw new AppError(
            "invalid_model",
            `Model "${card.name}" was not activated: ${without.map((one) => one.url).join(", ")} could not open it. The log there says why.`,
          );
        }
        await sleep(100, undefined, { signal });
      }
    },
    cancel: (swap) => servers.cancel(swap),
    async start(swaps) {
      heardAt = performance.now();
      runner = swaps;
      await beatNow();
      running = run();
    },
    async close() {
      stop.abort();
      await running;
      await follower.close();
      await servers.leave(id).catch(() => {});
    },
  };
}
