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
  /** While `action` runs, requests may fail. */
  outage<T>(action: () => Promise<T>): Promise<T>;
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
  const outages: Array<{ from: number; to: number }> = [];
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
        const excused = outages.some(({ from, to }) => from <= ended && began <= to);
        if (!excused) found("failedOutsideKills", error instanceof Error ? error.message : String(error));
        return undefined;
      }
    },
    async outage(action) {
      const outage = { from: performance.now(), to: Number.POSITIVE_INFINITY };
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
