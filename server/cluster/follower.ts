// What a server does that does not run the swap itself: it opens the candidate, helps with its backfill, and lets the
// generation answer that is active by the catalogue.
import type { Logger } from "pino";
import type { GenerationRecord } from "../domain/generation.ts";
import type { Generation } from "../generation/generation.ts";
import type { Generations } from "../generation/generations.ts";
import type { Course, Storage } from "../storage/ports.ts";
import { backfill } from "../swap/backfill.ts";

/** States in which the model is in the storage and images are to be embedded with it. */
const OPEN_IN = ["backfilling", "verifying", "ready"];

export interface Follower {
  /**
   * Follows the newest course, one step at a time. `runsHere`: the swap is run here, and opens and closes its own
   * candidate.
   */
  follow(course: Course, options: { readonly runsHere: boolean }): void;
  close(): Promise<void>;
}

export interface FollowerDeps {
  readonly storage: Storage;
  readonly generations: Generations;
  readonly open: (record: GenerationRecord) => Promise<Generation>;
  readonly logger: Logger;
}

/** Makes the follower of a server. */
export function createFollower({ storage, generations, open, logger }: FollowerDeps): Follower {
  const { catalogue } = storage;
  let next: { course: Course; runsHere: boolean } | undefined;
  let following: Promise<void> | undefined;
  /** The candidate that was opened here, and the help with its backfill. */
  let candidate: Generation | undefined;
  let help: AbortController | undefined;
  let helping: Promise<void> = Promise.resolve();
  let closed = false;

  /** Opens a generation, warm and searchable. */
  const openWarm = async (number: number): Promise<Generation> => {
    const opened = await open((await catalogue.generations.get(number))!);
    try {
      await Promise.all([opened.warm(), opened.index.fill()]);
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  };

  /** It ends by itself, when what it is embedding is done; a switch does not wait for that. */
  const stopHelping = () => {
    help?.abort();
    help = undefined;
  };
  const helpWith = (generation: Generation, skipDamaged: boolean) => {
    help = new AbortController();
    const { signal } = help;
    const run = async () => {
      if (!signal.aborted) await backfill(generation, storage, { signal, onProgress() {}, skipDamaged });
    };
    helping = helping.then(run).catch((error) => {
      if (!signal.aborted) logger.warn({ err: error }, "this server stopped helping with the backfill");
    });
  };

  /** Lets go of the candidate of a swap that has ended without a switch. */
  const dropCandidate = async () => {
    const dropped = candidate;
    candidate = undefined;
    stopHelping();
    if (!dropped) return;
    generations.dropCandidate(dropped);
    if (dropped !== generations.previous) await dropped.close();
  };

  /** The candidate answers now, or another process of the same generation does. */
  const handOver = async () => {
    const opened = candidate;
    candidate = undefined;
    stopHelping();
    if (opened && !generations.open().includes(opened)) await opened.close();
  };

  const step = async ({ active, retired, swap }: Course, runsHere: boolean): Promise<void> => {
    const wanted = !runsHere && swap && OPEN_IN.includes(swap.state) ? swap.generation : undefined;
    if (candidate && candidate.number !== swap?.generation && candidate.number !== active) await dropCandidate();
    if (candidate?.number === active && generations.serving?.number === active) await handOver();
    if (active !== undefined && generations.serving && generations.serving.number !== active && !runsHere) {
      const known = generations.open().find(({ number }) => number === active);
      generations.switchTo(known ?? (await openWarm(active)));
      await handOver();
      logger.info({ generation: active }, "another generation answers from now on");
    }
    if (!runsHere && !swap && generations.previous && generations.previous.number !== retired) {
      await generations.closePrevious();
    }
    if (wanted !== undefined && wanted !== active) {
      const { previous } = generations;
      if (!candidate && previous?.number !== wanted) await generations.closePrevious(); // room for the new one
      candidate ??= previous?.number === wanted ? previous : await openWarm(wanted);
      generations.setCandidate(candidate); // from here on new images are embedded for both
    }
    if (candidate && swap?.state === "backfilling") {
      if (!help) helpWith(candidate, swap.skipDamaged);
    } else stopHelping();
  };

  const run = async (): Promise<void> => {
    while (next && !closed) {
      const { course, runsHere } = next;
      next = undefined;
      await step(course, runsHere).catch((error) =>
        logger.error({ err: error }, "the other servers could not be followed"),
      );
    }
    following = undefined;
  };

  return {
    follow(course, { runsHere }) {
      next = { course, runsHere };
      following ??= run();
    },
    async close() {
      closed = true;
      await following;
      stopHelping();
      await helping;
    },
  };
}
