// The generations that are open, and which of them answers.
import { AppError } from "../../core/errors.ts";
import type { Generation } from "./generation.ts";

export interface Generations {
  /**
   * The generation that answers.
   *
   * @throws AppError `not_ready` before the first one is open.
   */
  active(): Generation;
  /** As {@link Generations.active}, but undefined before the first one is open. */
  readonly serving: Generation | undefined;
  /** Every open generation that new images and deletes go to, the active one first. */
  open(): Generation[];
  /** The generation that was active before, kept up to date so that a rollback is instant. */
  readonly previous: Generation | undefined;
  /** Resolves once the generation of this number answers; at once where it is not open here. */
  answering(number: number): Promise<void>;
  /** Pins a request to the active generation from its start to its end. */
  use<T>(action: (generation: Generation) => Promise<T>): Promise<T>;
  /** From now on images and deletes go to the candidate too. */
  setCandidate(candidate: Generation): void;
  /** No more, where this is the candidate. */
  dropCandidate(dropped: Generation): void;
  /**
   * The candidate answers from now on and the active one becomes `previous`. Called once the catalogue has switched.
   */
  switchTo(candidate: Generation): void;
  /** Closes `previous` where there is one. */
  closePrevious(): Promise<void>;
  closeAll(): Promise<void>;
}

/** Makes an empty set of open generations. */
export function createGenerations(): Generations {
  let active: Generation | undefined;
  let candidate: Generation | undefined;
  let previous: Generation | undefined;
  const switches: Array<() => void> = [];

  const getActive = (): Generation => {
    if (!active) throw new AppError("not_ready", "The model is being loaded. Try again in a few seconds.");
    return active;
  };
  const wake = () => {
    for (const resolve of switches.splice(0)) resolve();
  };
  const open = () => [...new Set([active, candidate, previous])].filter((generation) => generation !== undefined);

  return {
    active: getActive,
    get serving() {
      return active;
    },
    open,
    get previous() {
      return previous;
    },
    async answering(number) {
      while (active?.number !== number && candidate?.number === number) {
        await new Promise<void>((resolve) => switches.push(resolve));
      }
    },
    use: async (action) => getActive().use(action),
    setCandidate(generation) {
      candidate = generation;
      wake();
    },
    dropCandidate(generation) {
      if (candidate !== generation) return;
      candidate = undefined;
      wake();
    },
    switchTo(generation) {
      if (generation === active) return;
      previous = active;
      active = generation;
      candidate = undefined;
      wake();
    },
    async closePrevious() {
      const generation = previous;
      previous = undefined;
      await generation?.close();
    },
    async closeAll() {
      await Promise.all(open().map((generation) => generation.close()));
    },
  };
}
