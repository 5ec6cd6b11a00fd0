// How much background work may run at a time: as much as live requests do not feel. It works like a congestion window:
// it grows little by little while live requests take about as long as without background work, and is halved when
// they take longer.

/** The pace of the background work beside live requests. */
export interface Pace {
  /** Images that may be under way at a time. */
  readonly window: number;
  /** Runs a live request and learns from how long it takes. */
  live<T>(action: () => Promise<T>): Promise<T>;
  /** Runs the work for one image once there is room for it. Keeps order of arrival. */
  background<T>(action: () => Promise<T>): Promise<T>;
}

const LARGEST_WINDOW = 128;
/** The window with which background work begins when live requests come. */
const FIRST_WINDOW = 4;
/** Live requests may take this much longer than without background work. */
const ALLOWED = 1.5;
/** Live requests that one decision looks at. */
const SAMPLE = 8;
/** No live request for so long: nobody is there to be disturbed. Milliseconds, as below. */
const ALONE_MS = 300;
/** So often the background work stops for a moment, to see how long live requests take without it. */
const REMEASURE_MS = 5000;
/** Length of that moment at most. */
const MEASURE_MS = 150;

/**
 * Makes a {@link Pace}.
 *
 * @param now Milliseconds; tests replace it.
 */
export function createPace(now: () => number = () => performance.now()): Pace {
  let window = LARGEST_WINDOW;
  let underWay = 0;
  /** Counts background starts, so that a live request knows whether it ran beside one. */
  let starts = 0;
  let liveUnderWay = 0;
  let lastLive = Number.NEGATIVE_INFINITY;
  let measuringUntil = Number.NEGATIVE_INFINITY;
  let nextMeasure = Number.NEGATIVE_INFINITY;
  let quiet: number[] = [];
  let beside: number[] = [];
  const waiting: Array<() => void> = [];
  let timer: NodeJS.Timeout | undefined;

  const isAlone = () => liveUnderWay === 0 && now() - lastLive > ALONE_MS;

  const startWaiting = () => {
    if (isAlone()) window = LARGEST_WINDOW;
    while (waiting.length > 0 && underWay < window && now() >= measuringUntil) {
      underWay++;
      starts++;
      waiting.shift()!();
    }
    // Nothing else may come to wake who waits for the end of a measurement.
    if (waiting.length === 0 || underWay > 0 || timer) return;
    timer = setTimeout(() => {
      timer = undefined;
      startWaiting();
    }, MEASURE_MS / 4);
  };

  const decide = () => {
    if (beside.length < SAMPLE || quiet.length === 0) return;
    const isSlow = middle(beside) > ALLOWED * middle(quiet);
    window = isSlow ? Math.max(1, Math.floor(window / 2)) : Math.min(LARGEST_WINDOW, window + 1);
    beside = [];
  };

  return {
    get window() {
      return window;
    },
    async live(action) {
      if (isAlone()) window = Math.min(window, FIRST_WINDOW);
      const startsBefore = starts;
      const isQuiet = underWay === 0;
      const began = now();
      liveUnderWay++;
      try {
        const result = await action();
        const ms = now() - began;
        if (!isQuiet) beside.push(ms);
        else if (starts === startsBefore) quiet = [...quiet.slice(1 - 4 * SAMPLE), ms];
        decide();
        return result;
      } finally {
        liveUnderWay--;
        lastLive = now();
        startWaiting();
      }
    },
    async background(action) {
      if (!isAlone() && now() >= nextMeasure) {
        measuringUntil = now() + MEASURE_MS;
        nextMeasure = now() + REMEASURE_MS;
      }
      await new Promise<void>((resolve) => {
        waiting.push(resolve);
        startWaiting();
      });
      try {
        return await action();
      } finally {
        underWay--;
        startWaiting();
      }
    },
  };
}

/** The median: one request that waits for the disk says nothing about the background. */
function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1]!;
}
