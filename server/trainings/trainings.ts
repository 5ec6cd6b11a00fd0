// Trainings on this server's collection: one at a time, each a run of this package's own command line.
import { access } from "node:fs/promises";
import { cpus } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Logger } from "pino";
import { AppError, hasCode } from "../../core/errors.ts";
import { readModel, WEIGHTS_FILE } from "../../core/model-folder.ts";
import type { Course, TrainingList, TrainingView } from "../domain/training.ts";
import type { Storage } from "../storage/ports.ts";
import { createReserve } from "../storage/reserve.ts";
import { type CourseReader, openCourse } from "./course.ts";
import { writeAgain, writeImages } from "./images.ts";
import { describeExit, type runTraining as RunTraining } from "./process.ts";
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

/** The fewest images that can be trained on: one batch. */
const LEAST_IMAGES = 16;

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
    return { ...record, ...course, updatedAt, state, ...(state === "done" && { model: record.name }) };
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
      const isResumed = await exists(parts.checkpoint);
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
    async start({ name = defaultName(), minutes, init, threads = halfTheCores() }) {
      return begin(name, async () => {
        await refuseTaken(models, name);
        if (init !== undefined) await checkHasWeights(models, init);
        const images = await catalogue.contents.count();
        if (images < LEAST_IMAGES) throw tooFewImages(images);
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
        await refuseTaken(models, name);
        const resumed: TrainingRecord = { ...record, state: "running", updatedAt: now() };
        await reserve.keep();
        await writeRecord(root, resumed);
        return keep(resumed);
      });
    },
    async remove(name) {
      find(name);
      if (current?.name === name) throw inProgress(name);
      await removeTraining(root, name);
      records.delete(name);
      courses.delete(name);
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

/** What follows `moco-search train`. On the CPU: a GPU has no low priority beside the encoder that answers. */
function argumentsOf(
  { name, minutes, threads, begunFrom }: TrainingRecord,
  { images, run, models, isResumed }: { images: string; run: string; models: string; isResumed: boolean },
): string[] {
  const begin = begunFrom === undefined ? [] : ["--init", begunFrom];
  return [
    ...[images, "--run", run, "--models", resolve(models), "--name", name],
    ...["--minutes", String(minutes), "--threads", String(threads), "--device", "cpu"],
    "--no-tune", // beside a server that works, timings mean nothing
    ...(isResumed ? ["--resume"] : begin),
  ];
}

/** @throws AppError `model_exists`. */
async function refuseTaken(models: string, name: string): Promise<void> {
  const found = await readModel(models, name).catch((error) => {
    if (!hasCode(error, "model_not_found")) throw error;
  });
  if (found) throw new AppError("model_exists", `There is a model "${name}" already. Choose another name.`);
}

/** @throws AppError `model_not_found`, `invalid_model`, `invalid_checkpoint`. */
async function checkHasWeights(models: string, name: string): Promise<void> {
  const { onnxPath } = await readModel(models, name);
  if (await exists(join(dirname(onnxPath), WEIGHTS_FILE))) return;
  throw new AppError(
    "invalid_checkpoint",
    `Expected a model that was trained here but "${name}" has no ${WEIGHTS_FILE} to begin from.`,
  );
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );

function withoutTimeLeft({ progress, ...rest }: Course): Course {
  if (!progress) return rest;
  const { secondsLeft: _, ...kept } = progress;
  return { ...rest, progress: kept };
}

const inProgress = (name: string) =>
  new AppError("training_in_progress", `The training "${name}" is running. Wait until it has ended, or stop it.`);

const tooFewImages = (images: number) =>
  new AppError(
    "invalid_dataset",
    `Expected at least ${LEAST_IMAGES} different images to learn from but ${images} ${images === 1 ? "is" : "are"} stored. Upload more.`,
  );
