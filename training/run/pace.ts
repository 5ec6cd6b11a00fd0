// The pace of a run: how many steps its budget allows, how far it is and how fast it goes. A budget in minutes becomes a number
// of steps once some have been timed; the number is corrected after every step.
import type { Budget } from "../config/recipes.ts";
import type { Progress } from "./checkpoint.ts";
import type { StepMetrics } from "./log.ts";

/** The first steps are slower and not timed; the number of steps is fitted once so many are done. */
const FIT = { slowSteps: 3, leastSteps: 8 };

/** The pace of one run. */
export interface Pace {
  /** Steps done, earlier parts of a resumed run included. */
  readonly step: number;
  /** Steps of the whole run; undefined during the first steps of a run that is given in minutes. */
  readonly totalSteps: number | undefined;
  /** Share of the run that is done, 0..1: what the learning rate goes by. */
  readonly progress: number;
  /** Seconds trained, earlier parts of a resumed run included. */
  readonly seconds: number;
  readonly isOver: boolean;
  /** Waits for data and counts the time. */
  waitFor<T>(data: Promise<T>): Promise<T>;
  /** Counts a step. */
  stepDone(): PaceMetrics;
}

/** What the pace tells after a step. */
export type PaceMetrics = Pick<
  StepMetrics,
  "step" | "totalSteps" | "epoch" | "imagesPerSecond" | "waitingShare" | "seconds"
>;

/** What a pace is begun with. */
export interface PaceOptions {
  readonly stepsPerEpoch: number;
  /** Images in a step. */
  readonly batch: number;
  /** Where the run is resumed. It keeps the length that it had: the same schedule, the same bytes. */
  readonly resumed?: Pick<Progress, "step" | "totalSteps" | "seconds"> | undefined;
  /** Clock in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/** Begins to keep the time of a run. */
export function createPace(budget: Budget, options: PaceOptions): Pace {
  const { stepsPerEpoch, batch, resumed, now = () => performance.now() } = options;
  const first = resumed?.step ?? 0;
  const secondsBefore = resumed?.seconds ?? 0;
  const budgetSeconds = "minutes" in budget ? budget.minutes * 60 : Number.POSITIVE_INFINITY;
  const began = now();
  const clock = () => (now() - began) / 1000;
  let step = first;
  let totalSteps = resumed?.totalSteps ?? ("epochs" in budget ? Math.ceil(budget.epochs * stepsPerEpoch) : undefined);
  const isFitted = totalSteps === undefined;
  let timedFrom = 0;
  let waited = 0;

  const fit = (stepsHere: number) => {
    if (stepsHere === FIT.slowSteps) timedFrom = clock();
    if (!isFitted || stepsHere < FIT.leastSteps) return;
    const secondsPerStep = (clock() - timedFrom) / (stepsHere - FIT.slowSteps);
    totalSteps = step + Math.max(0, Math.round((budgetSeconds - secondsBefore - clock()) / secondsPerStep));
  };

  return {
    get step() {
      return step;
    },
    get totalSteps() {
      return totalSteps;
    },
    get progress() {
      return totalSteps === undefined ? (secondsBefore + clock()) / budgetSeconds : step / totalSteps;
    },
    get seconds() {
      return secondsBefore + clock();
    },
    get isOver() {
      return totalSteps !== undefined && step >= totalSteps;
    },
    async waitFor(data) {
      const asked = clock();
      const value = await data;
      waited += clock() - asked;
      return value;
    },
    stepDone() {
      step++;
      const stepsHere = step - first;
      fit(stepsHere);
      return {
        step,
        totalSteps,
        epoch: step / stepsPerEpoch,
        imagesPerSecond: (stepsHere * batch) / clock(),
        waitingShare: waited / clock(),
        seconds: secondsBefore + clock(),
      };
    },
  };
}
