// What the proof counts, and the times in which a kill excuses failures.

/** Counters of the outcome; every finding is also told in words. */
export interface Findings {
  readonly counts: {
    requests: number;
    failedOutsideKills: number;
    mixedGenerationAnswers: number;
    lostImages: number;
    resurrectedImages: number;
    wrongEmbeddings: number;
    /** Acknowledged changes of metadata that are not there. */
    lostChanges: number;
    /** Answers of an old generation to requests that began after an answer of a newer one had come. */
    wentBackInTime: number;
  };
  /** Notes a finding. */
  found(what: Exclude<keyof Findings["counts"], "requests">, words: string): void;
  /**
   * Makes a request and counts it. Where it fails it returns undefined, and is a finding unless a kill's effects
   * lasted while it ran.
   */
  attempt<T>(action: () => Promise<T>): Promise<T | undefined>;
  /**
   * While `action` runs, requests may fail.
   *
   * @param excuses Which failures it explains. Default: all.
   */
  outage<T>(action: () => Promise<T>, excuses?: (error: unknown) => boolean): Promise<T>;
}

/** How much was found, of every kind. */
export function countFindings(counts: Omit<Findings["counts"], "requests">): number {
  const { failedOutsideKills, mixedGenerationAnswers, lostImages, resurrectedImages } = counts;
  const { wrongEmbeddings, lostChanges, wentBackInTime } = counts;
  const images = lostImages + resurrectedImages + wrongEmbeddings + lostChanges;
  return failedOutsideKills + mixedGenerationAnswers + images + wentBackInTime;
}

/** @param tell Is told each finding, up to {@link TOLD} of each kind. */
export function createFindings(tell: (words: string) => void): Findings {
  const counts = {
    requests: 0,
    failedOutsideKills: 0,
    mixedGenerationAnswers: 0,
    lostImages: 0,
    resurrectedImages: 0,
    wrongEmbeddings: 0,
    lostChanges: 0,
    wentBackInTime: 0,
  };
  const outages: Array<{ from: number; to: number; excuses: (error: unknown) => boolean }> = [];
  const found: Findings["found"] = (what, words) => {
    if (++counts[what] <= TOLD) tell(`${what}: ${words}`);
  };
  return {
    counts,
    found,
    async attempt(action) {
      counts.requests++;
      const began = performance.now();
      try {
        return await action();
      } catch (error) {
        const ended = performance.now();
        const excused = outages.some(({ from, to, excuses }) => from <= ended && began <= to && excuses(error));
        if (!excused) found("failedOutsideKills", error instanceof Error ? error.message : String(error));
        return undefined;
      }
    },
    async outage(action, excuses = () => true) {
      const outage = { from: performance.now(), to: Number.POSITIVE_INFINITY, excuses };
      outages.push(outage);
      try {
        return await action();
      } finally {
        outage.to = performance.now();
      }
    },
  };
}

const TOLD = 5;
