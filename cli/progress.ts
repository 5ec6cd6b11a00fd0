// Progress on stderr: a bar on a terminal, otherwise a plain line every few seconds.
import cliProgress from "cli-progress";

/** A display of progress. */
export interface Progress {
  /** `total` is undefined if it is not known. `note` is shown after the numbers, such as a loss. */
  update(done: number, total: number | undefined, note?: string): void;
  /** Prints a line above the bar. */
  say(line: string): void;
  /** Ends the display; later messages start on a line of their own. */
  stop(): void;
}

const SECONDS_BETWEEN_LINES = 5;
const SECONDS_OF_RATE = 30;

/** A display for `what`, such as "training"; the rate is in `unit` per second. */
export function showProgress(what: string, unit: string): Progress {
  return process.stderr.isTTY ? bar(what, unit) : lines(what, unit);
}

function bar(what: string, unit: string): Progress {
  const single = new cliProgress.SingleBar({
    format: `${what} [{bar}] {value}/{total}  {rate} ${unit}/s  {left} left  {note}`,
    stream: process.stderr,
    hideCursor: true,
    barsize: 24,
  });
  const rateAt = recentRate();
  let started = false;
  return {
    say: (line) => void process.stderr.write(`\r\x1b[K${line}\n`), // replaces the bar, which is then drawn below
    update(done, total, note = "") {
      const perSecond = rateAt(done);
      const rate = perSecond?.toFixed(0) ?? "?";
      const shown = Math.max(total ?? done, done);
      const left = total === undefined || perSecond === undefined ? "?" : duration((shown - done) / perSecond);
      if (!started) single.start(shown, done, { rate, left, note });
      else {
        single.setTotal(shown);
        single.update(done, { rate, left, note });
      }
      started = true;
    },
    stop: () => started && single.stop(),
  };
}

function lines(what: string, unit: string): Progress {
  const rateAt = recentRate();
  let last = performance.now();
  return {
    say: (line) => console.error(line),
    update(done, total, note = "") {
      const now = performance.now();
      const rate = rateAt(done);
      if (done !== total && now - last < SECONDS_BETWEEN_LINES * 1000) return;
      last = now;
      console.error(`${what} ${done}/${total ?? "?"}  ${rate?.toFixed(0) ?? "?"} ${unit}/s  ${note}`.trimEnd());
    },
    stop() {},
  };
}

/**
 * The rate of the last half minute, per second: what was done before a resumed run, or in the minutes before a pause,
 * says nothing of now. Undefined for the first number.
 */
function recentRate(): (done: number) => number | undefined {
  const marks: { readonly done: number; readonly at: number }[] = [];
  return (done) => {
    const at = performance.now();
    while (marks.length > 1 && at - marks[1]!.at > SECONDS_OF_RATE * 1000) marks.shift();
    const first = marks[0];
    if (first === undefined || at - marks.at(-1)!.at > 1000) marks.push({ done, at });
    return first && (1000 * (done - first.done)) / (at - first.at);
  };
}

function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return "?";
  const s = Math.ceil(seconds);
  if (s < 60) return `${s} s`;
  return s < 3600
    ? `${Math.floor(s / 60)} min ${s % 60} s`
    : `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}
