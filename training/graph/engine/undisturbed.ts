// The time of a run that other programs did not disturb, on a machine that does other things too.

/** Runs for one time, at most. */
const MOST_RUNS = 20;
/** After so long there are no more. */
const ENOUGH_MILLISECONDS = 250;

/** The part of the usual processors that an undisturbed run has. */
const NEARLY_ALL = 0.9;

/** What a run took. */
export interface Timing {
  readonly milliseconds: number;
  /** Processors that this process had meanwhile, on average. */
  readonly processors: number;
}

/**
 * A clock for runs that do the same each time. Threads of onnxruntime spin while they wait for each other, so a run
 * always has as many processors, unless another program takes one: then it runs again. After twenty such runs, or a
 * quarter of a second, the one that had the most processors counts, and so many are the usual from then on.
 *
 * @param timeOnce Runs once; {@link timeRun} with what is to be timed.
 * @param most How many processors a run can have at most; 0 where they say nothing, and every run counts.
 * @returns Runs, and says how many milliseconds that took.
 */
export function undisturbedClock(timeOnce: () => Promise<Timing>, most: number): () => Promise<number> {
  let usual = most;
  const isUsual = ({ processors }: Timing) => processors >= NEARLY_ALL * usual;
  return async () => {
    let best = await timeOnce();
    let spent = best.milliseconds;
    for (let runs = 1; !isUsual(best) && runs < MOST_RUNS && spent < ENOUGH_MILLISECONDS; runs++) {
      const again = await timeOnce();
      spent += again.milliseconds;
      if (again.processors > best.processors) best = again;
    }
    usual = isUsual(best) ? Math.max(usual, best.processors) : best.processors;
    return best.milliseconds;
  };
}

/** Times one run by the clock and by what this process computed. */
export async function timeRun(run: () => Promise<unknown>): Promise<Timing> {
  const before = process.cpuUsage();
  const began = performance.now();
  await run();
  const milliseconds = performance.now() - began;
  const { user, system } = process.cpuUsage(before);
  return { milliseconds, processors: (user + system) / 1000 / milliseconds };
}
