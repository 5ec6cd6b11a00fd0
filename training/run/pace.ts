// The pace of a run: how many steps its budget allows, how far it is and how fast it goes. A budget in minutes becomes
// a number of steps once some have been timed; the number is corrected after every step.
import type { Budget } from "../config/recipes.ts";
import type { Progress } from "./checkpoint.ts";
import type { StepMetrics } from "./log.ts";

/** The first `slowSteps` are slower and not timed; the total is estimated once `leastSteps` are done. */
const FIT = { slowSteps: 3, leastSteps: 8 };

/** The pace of one run. */
export interface Pace {
  /** Steps done, earlier parts of a resumed run included. */
  readonly step: number;
  /** Steps of the whole run; undefined during the first steps of a run that is given in minutes. */
  readonly totalSteps: number | undefined;
  /** Share of the run that is done, 0..1; the learning rate depends on it. */
  readonly progress: number;
  /** Seconds trained, earlier parts of a resumed run included. */
  readonly seconds: number;
  readonly isOver: boolean;
  /** Waits for data and measures how long. */
  waitFor<T>(data: Promise<T>): Promise<T>;
  /** Counts a step. */
  stepDone(): PaceMetrics;
}

/** What is known of the pace after a step. */
export type PaceMetrics = Pick<
  StepMetrics,
  "step" | "totalSteps" | "epoch" | "imagesPerSecond" | "waitingShare" | "seconds"
>;

/** Options of {@link createPace}. */
export interface PaceOptions {
  readonly stepsPerEpoch: number;
  /** Images in a step. */
  readonly batch: number;
  /** Progress of a resumed run. It keeps its number of steps and so its schedule. */
  readonly resumed?: Pick<Progress, "step" | "totalSteps" | "seconds"> | undefined;
  /** Clock in milliseconds. @default performance.now */
  readonly now?: () => number;
}

/** Makes the pace of a run and starts its clock. */
export function createPace(budget: Budget, options: PaceOptions): Pace {
  const { stepsPerEpoch, batch, resumed, now = () => performance.now() } = options;
  const first = resumed?.step ?? 0;
  const secondsBefore = resumed?.seconds ?? 0;
  const budgetSeconds = "minutes" in budget ? budget.minutes * 60 : Number.POSITIVE_INFINITY;
  const began = now();
  const clock = () => (now() - began) / 1000;
  let step = first;
  let totalSteps = resumed?.totalSteps ?? stepsOf(budget, stepsPerEpoch);
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

/** Number of steps of a budget in steps or epochs; undefined for minutes. */
function stepsOf(budget: Budget, perEpoch: number): number | undefined {
  if ("steps" in budget) return budget.steps;
  return "epochs" in budget ? Math.ceil(budget.epochs * perEpoch) : undefined;
}
