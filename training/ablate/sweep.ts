// A sweep: hyper-parameters of a few values each, every combination trained for the same short time, the best first.
import { AppError } from "../../core/errors.ts";
import { percent } from "../../core/percent.ts";
import { merge, type Settings } from "../config/settle.ts";
import { prepare } from "../run/prepare.ts";
import { type Measured, type ShortRunOptions, shortRun } from "./short-run.ts";
import { textTable } from "./table.ts";

/** One hyper-parameter and the settings that each of its values stands for. */
export interface Axis {
  /** Its flag, without dashes. */
  readonly name: string;
  readonly values: ReadonlyArray<{ readonly text: string; readonly settings: Settings }>;
}

/** One combination and what came of it. */
export interface SweepOutcome extends Measured {
  /** Its values as text, by axis. */
  readonly values: Readonly<Record<string, string>>;
}

/** Options of {@link sweep}. */
export interface SweepOptions extends ShortRunOptions {
  readonly axes: readonly Axis[];
  /** Called before each run. */
  readonly onRun?: (run: { values: Readonly<Record<string, string>>; number: number; of: number }) => void;
}

/** What changes the task that an encoder is measured by without labels: how hard its own key is to find. */
const TASK = ["imageSize", "storedSize", "mechanism", "queue", "views", "smallQueries", "teacher"] as const;

/**
 * Trains every combination and ranks them: by kNN where folders are labels, otherwise by the share of keys found with
 * running statistics.
 *
 * @returns The outcomes, best first; fewer where the signal stopped it.
 * @throws AppError as a training does; `invalid_configuration` where a combination is not valid, before any is trained,
 *   or where runs would be measured by different tasks and there are no labels.
 */
export async function sweep({ axes, onRun, ...options }: SweepOptions): Promise<SweepOutcome[]> {
  const runs = combinations(axes);
  let hasLabels = false;
  for (const { settings } of runs) {
    const { dataset } = await prepare({ ...options, config: merge(options.config ?? {}, settings) as Settings });
    hasLabels = new Set(dataset.labels).size > 1;
    await dataset.close();
  }
  const changed = TASK.find((key) => runs.some(({ settings }) => key in settings));
  if (changed && !hasLabels) {
    throw new AppError(
      "invalid_configuration",
      `Expected labels to compare values of ${changed} by: it changes how hard an image's own key is to find, which runs are compared by without labels. Put images into a folder for each label, or sweep something else.`,
    );
  }
  const outcomes: SweepOutcome[] = [];
  for (const [i, { values, settings }] of runs.entries()) {
    if (options.signal?.aborted) break;
    onRun?.({ values, number: i + 1, of: runs.length });
    const measured = await shortRun(options, settings);
    if (!measured) break; // stopped by the signal
    outcomes.push({ values, ...measured });
  }
  return outcomes.sort((a, b) => scoreOf(b) - scoreOf(a));
}

const scoreOf = ({ knn, evaluationAccuracy }: Measured) => knn ?? evaluationAccuracy;

/** Every combination of a value of each axis, the last axis varying fastest. */
function combinations(axes: readonly Axis[]) {
  let all: Array<{ values: Record<string, string>; settings: Settings }> = [{ values: {}, settings: {} }];
  for (const { name, values } of axes) {
    all = all.flatMap((one) =>
      values.map(({ text, settings }) => ({
        values: { ...one.values, [name]: text },
        settings: merge(one.settings, settings) as Settings,
      })),
    );
  }
  return all;
}

/** The outcomes as a table in Markdown. */
export function sweepTable(outcomes: readonly SweepOutcome[]): string {
  const names = Object.keys(outcomes[0]?.values ?? {});
  return textTable(
    [...names, "kNN", "own key found", "loss", "images/s", "verdict"],
    outcomes.map(({ values, knn, evaluationAccuracy, loss, imagesPerSecond, verdict }) => [
      ...names.map((name) => values[name]!),
      knn === undefined ? "—" : percent(knn),
      percent(evaluationAccuracy),
      loss.toFixed(3),
      imagesPerSecond.toFixed(0),
      verdict,
    ]),
  );
}
