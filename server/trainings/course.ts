// The course of a training from the log that it writes, read on from where it was read last.
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { hasErrno } from "../../core/errors.ts";
import type { Course } from "../domain/training.ts";
import { createCurve } from "./curve.ts";

/** The course of one run. */
export interface CourseReader {
  /** The course as it is now, and when the log was written last, in milliseconds; 0 where there is none. */
  read(): Promise<{ readonly course: Course; readonly writtenAt: number }>;
}

const MOST_POINTS = 300;
/** Bytes of the log that are read at a time; a line is much shorter. */
const CHUNK = 64 * 1024;

/** What is read of the log's lines; training/run/log.ts writes them. */
const lineSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("step"),
    step: z.number(),
    totalSteps: z.number().optional(),
    loss: z.number(),
    accuracy: z.number(),
    imagesPerSecond: z.number(),
    seconds: z.number(),
  }),
  z.object({
    kind: z.literal("epoch"),
    knn: z.number().optional(),
    verdict: z.object({ state: z.string(), message: z.string() }),
  }),
]);

/** Opens the course of the run in a folder. @param minutes How long it is to learn. */
export function openCourse(runFolder: string, minutes: number): CourseReader {
  let log = { file: 0, offset: 0, batch: 0, ...empty() };
  let last: Promise<unknown> = Promise.resolve();

  const take = (line: string) => {
    const parsed = lineSchema.safeParse(parseJson(line));
    if (!parsed.success) return; // of another version
    const { data } = parsed;
    if (data.kind === "epoch") {
      log.course = { ...log.course, verdict: data.verdict };
      if (data.knn !== undefined) log.curve.measured(data.knn);
      return;
    }
    const { step, totalSteps, loss, accuracy, imagesPerSecond, seconds } = data;
    const imagesSeen = step * log.batch;
    log.curve.add({ imagesSeen, loss, ownKeyFound: accuracy });
    const left = totalSteps ? ((totalSteps - step) * log.batch) / imagesPerSecond : minutes * 60 - seconds;
    log.course = {
      ...log.course,
      progress: {
        fraction: Math.min(1, totalSteps ? step / totalSteps : seconds / (minutes * 60)),
        imagesSeen,
        imagesPerSecond,
        secondsLeft: Math.max(0, left),
      },
    };
  };

  const read = async () => {
    const file = await open(join(runFolder, "metrics.jsonl")).catch(undefinedIfMissing);
    if (!file) return { course: empty().course, writtenAt: 0 };
    try {
      const { ino, size, mtimeMs } = await file.stat();
      // A run that is resumed replaces its log.
      if (ino !== log.file || size < log.offset) {
        const config = parseJson(await readFile(join(runFolder, "config.json"), "utf8"));
        log = { file: ino, offset: 0, ...z.object({ batch: z.number() }).parse(config), ...empty() };
      }
      const chunk = Buffer.allocUnsafe(CHUNK);
      for (;;) {
        const { bytesRead } = await file.read(chunk, 0, CHUNK, log.offset);
        const whole = chunk.subarray(0, bytesRead).lastIndexOf("\n") + 1;
        if (whole === 0) break;
        for (const line of chunk.toString("utf8", 0, whole - 1).split("\n")) take(line);
        log.offset += whole;
      }
      return { course: { ...log.course, curve: log.curve.points() }, writtenAt: mtimeMs };
    } finally {
      await file.close();
    }
  };
  return {
    read() {
      const turn = last.then(read);
      last = turn.catch(() => {});
      return turn;
    },
  };
}

const empty = () => ({ course: { curve: [] } as Course, curve: createCurve(MOST_POINTS) });

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function undefinedIfMissing(error: unknown): undefined {
  if (!hasErrno(error, "ENOENT")) throw error;
}
