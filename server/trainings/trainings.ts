// Trainings on this server's collection: one at a time, each a run of this package's own command line.
import { existsSync } from "node:fs";
import { cpus } from "node:os";
import type { Logger } from "pino";
import { AppError } from "../../core/errors.ts";
import { readModel } from "../../core/model-folder.ts";
import type { Course, TrainingList, TrainingView } from "../domain/training.ts";
import type { Storage } from "../storage/ports.ts";
import { createReserve } from "../storage/reserve.ts";
import { checkEnough, checkFree, checkHasWeights } from "./checks.ts";
import { type CourseReader, openCourse } from "./course.ts";
import { listFiles } from "./files.ts";
import { writeAgain, writeImages } from "./images.ts";
import { argumentsOf, describeExit, type runTraining as RunTraining } from "./process.ts";
import {
  makeTraining,
  partsOf,
  readRecords,
  removeImages,
  removeTraining,
  type TrainingRecord,
  writeRecord,
} from "./record.ts";

/** What a training is begun with. */
export interface TrainingOptions {
  /** Name of the model. @default "trained-" and the time */
  readonly name?: string | undefined;
  readonly minutes: number;
  /** Model whose weights it begins with. */
  readonly init?: string | undefined;
  /** @default half of the cores */
  readonly threads?: number | undefined;
}

/** Trainings, by the names of their models. All but `list` and `start` reject with `training_not_found`. */
export interface Trainings {
  list(): Promise<TrainingList>;
  get(name: string): Promise<TrainingView>;
  /** The folder that has a file of {@link TrainingView.files}. @throws AppError `not_found` where it is none. */
  folderOf(name: string, file: string): Promise<string>;
  /**
   * Begins a training on all stored images.
   *
   * @throws AppError `trainings_off`, `training_in_progress`, `training_exists`, `model_exists`, `model_not_found`,
   *   `invalid_checkpoint` where `init` has no weights, `invalid_dataset` where there are too few images,
   *   `storage_full`.
   */
  start(options: TrainingOptions): Promise<TrainingView>;
  /** Lets a training write a checkpoint and end. @throws AppError `training_ended` where it does not run. */
  stop(name: string): Promise<TrainingView>;
  /**
   * Goes on with a training that was stopped or has failed, from its last checkpoint or, without one, anew.
   *
   * @throws AppError `trainings_off`, `training_in_progress`, `training_ended` where it is done.
   */
  resume(name: string): Promise<TrainingView>;
  /** Removes a training, not its model. @throws AppError `training_in_progress` where it runs. */
  remove(name: string): Promise<void>;
  /** Stops the one that runs. */
  close(): Promise<void>;
}

/** Options of {@link openTrainings}. */
export interface TrainingsOptions {
  /** Folder of the trainings. */
  readonly folder: string;
  /** Folder of what the server stores, whose reserve is kept. */
  readonly data: string;
  readonly models: string;
  /** Why none is started, in a sentence; undefined where they are. */
  readonly offReason: string | undefined;
  readonly storage: Pick<Storage, "catalogue" | "images">;
  /** What runs `moco-search train`; tests run shorter ones. */
  readonly runTraining: typeof RunTraining;
  readonly logger: Logger;
}

/** The one that runs. */
interface Run {
  readonly name: string;
  readonly stopping: AbortController;
  /** When its process was started, in milliseconds. */
  startedAt?: number;
  readonly ended: Promise<void>;
}

/** Opens the trainings of a folder. One that ran when the server went is stopped from now on. */
export async function openTrainings(options: TrainingsOptions): Promise<Trainings> {
  const { folder: root, models, offReason, storage, logger } = options;
  const { catalogue, images: blobs } = storage;
  const reserve = createReserve(options.data);
  const records = new Map<string, TrainingRecord>();
  const courses = new Map<string, CourseReader>();
  let current: Run | undefined;
  let isClosed = false;

  const find = (name: string): TrainingRecord => {
    const record = records.get(name);
    if (record) return record;
    throw new AppError("training_not_found", `There is no training ${JSON.stringify(name)}.`);
  };
  const courseOf = ({ name, minutes }: TrainingRecord) => {
    const course = courses.get(name) ?? openCourse(partsOf(root, name).run, minutes);
    courses.set(name, course);
    return course.read();
  };

  const viewOf = async ({ course: kept, ...record }: TrainingRecord): Promise<TrainingView> => {
    const { course, writtenAt } = kept ? { course: kept, writtenAt: 0 } : await courseOf(record);
    const hasBegun = current?.startedAt !== undefined && writtenAt >= current.startedAt;
    const updatedAt = new Date(Math.max(Date.parse(record.updatedAt), writtenAt)).toISOString();
    const state = record.state !== "running" ? record.state : hasBegun ? "running" : "preparing";
    const files = await listFiles(partsOf(root, record.name).run);
    return { ...record, ...course, files, updatedAt, state, ...(state === "done" && { model: record.name }) };
  };

  /** Keeps how a training ended, with its course, and removes what it needed only while it ran. */
  const end = async (record: TrainingRecord, how: Pick<TrainingRecord, "state" | "error">): Promise<void> => {
    const { course } = await courseOf(record).catch((error) => {
      logger.warn({ err: error, training: record.name }, "the log of a training cannot be read");
      return { course: { curve: [] } };
    });
    courses.delete(record.name);
    const ended = { ...record, ...how, updatedAt: now(), course: withoutTimeLeft(course) };
    try {
      await removeImages(root, record.name);
      await reserve.spend(() => writeRecord(root, ended)); // also on a full disk
    } finally {
      records.set(record.name, ended);
    }
  };

  /** Writes the images and trains. @returns How it ended. */
  const train = async (record: TrainingRecord, run: Run): Promise<Pick<TrainingRecord, "state" | "error">> => {
    const { signal } = run.stopping;
    const parts = partsOf(root, record.name);
    const source = { catalogue, blobs, reserve, signal };
    try {
      const isResumed = existsSync(parts.checkpoint);
      const count = await (isResumed ? writeAgain : writeImages)(parts, source);
      records.set(record.name, { ...record, images: count });
      run.startedAt = Date.now();
      const args = argumentsOf(record, { ...parts, models, isResumed });
      const exit = await options.runTraining(args, { cacheFolder: parts.cache, signal });
      if (exit.code === 0) return { state: "done" };
      if (exit.code === STOPPED || signal.aborted) return { state: "stopped" };
      return { state: "failed", error: describeExit(exit) };
    } catch (error) {
      if (signal.aborted) return { state: "stopped" };
      if (error instanceof AppError) return { state: "failed", error: error.message };
      logger.error({ err: error, training: record.name }, "a training failed");
      return { state: "failed", error: "The server failed to run it. Its log says why." };
    }
  };

  /** Runs the training whose record `write` resolves with. */
  const begin = async (name: string, write: () => Promise<TrainingRecord>): Promise<TrainingView> => {
    if (offReason !== undefined) throw new AppError("trainings_off", offReason);
    if (isClosed) throw new AppError("not_ready", "The server is stopping.");
    if (current) throw inProgress(current.name);
    const written = write();
    const conduct = async (record: TrainingRecord) => {
      const how = await train(record, run);
      logger.info({ training: name, ...how }, "a training ended");
      await end(records.get(name)!, how);
    };
    const run: Run = {
      name,
      stopping: new AbortController(),
      ended: written
        .then(
          (record) =>
            conduct(record).catch((error) => logger.error({ err: error, training: name }, "its end was not kept")),
          () => {}, // who asked for it hears of it
        )
        .finally(() => {
          current = undefined;
        }),
    };
    current = run;
    return viewOf(await written);
  };

  const keep = (record: TrainingRecord): TrainingRecord => {
    records.set(record.name, record);
    return record;
  };

  for (const record of await readRecords(root, logger)) {
    keep(record);
    if (record.state !== "running") continue;
    // Its process may have finished the model when the server had gone already.
    const isDone = await readModel(models, record.name).then(Boolean, () => false);
    await end(record, { state: isDone ? "done" : "stopped" });
  }

  return {
    async list() {
      const newest = [...records.values()].sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
      return { trainings: await Promise.all(newest.map(viewOf)), enabled: offReason === undefined };
    },
    get: async (name) => viewOf(find(name)),
    async folderOf(name, file) {
      const { run } = partsOf(root, find(name).name);
      if ((await listFiles(run)).includes(file)) return run;
      throw new AppError("not_found", `The training "${name}" has no file ${JSON.stringify(file)}.`);
    },
    async start({ name = defaultName(), minutes, init, threads = halfTheCores() }) {
      return begin(name, async () => {
        await checkFree(models, name);
        if (init !== undefined) await checkHasWeights(models, init);
        const images = await checkEnough(catalogue);
        const createdAt = now();
        const record: TrainingRecord = {
          ...{ name, state: "running", createdAt, updatedAt: createdAt, images, minutes, threads },
          ...(init !== undefined && { begunFrom: init }),
        };
        await reserve.keep();
        await makeTraining(root, record);
        return keep(record);
      });
    },
    async stop(name) {
      const record = find(name);
      if (current?.name !== name) {
        throw new AppError("training_ended", `The training "${name}" does not run: it is ${record.state}.`);
      }
      current.stopping.abort();
      return viewOf(record);
    },
    async resume(name) {
      find(name);
      return begin(name, async () => {
        const { course: _, error: __, ...record } = find(name);
        if (record.state === "done") {
          throw new AppError("training_ended", `The training "${name}" is done: there is nothing to go on with.`);
        }
        await checkFree(models, name);
        const resumed: TrainingRecord = { ...record, state: "running", updatedAt: now() };
        await reserve.keep();
        await writeRecord(root, resumed);
        return keep(resumed);
      });
    },
    async remove(name) {
      find(name);
      if (current?.name === name) throw inProgress(name);
      records.delete(name); // first, so that nobody resumes it meanwhile
      courses.delete(name);
      await removeTraining(root, name);
    },
    async close() {
      isClosed = true;
      current?.stopping.abort();
      await current?.ended;
    },
  };
}

/** The exit code of a command that was stopped and can go on. */
const STOPPED = 130;

const now = () => new Date().toISOString();

const defaultName = () => `trained-${now().slice(0, 19).replace("T", "-").replaceAll(":", "")}`;

const halfTheCores = () => Math.max(1, Math.floor(cpus().length / 2));

function withoutTimeLeft({ progress, ...rest }: Course): Course {
  if (!progress) return rest;
  const { secondsLeft: _, ...kept } = progress;
  return { ...rest, progress: kept };
}

const inProgress = (name: string) =>
  new AppError("training_in_progress", `The training "${name}" is running. Wait until it has ended, or stop it.`);
