// The trainings of this server, kept up to date while one of them runs.
import { effect, signal } from "@preact/signals";
import { hasStopped, type TrainingList, type TrainingOptions, type TrainingView } from "../../client/index.ts";
import { route } from "../state/route.ts";
import { api, patientApi, problemOf, readModels, returns } from "../state/server.ts";
import { toast } from "../state/toasts.ts";

export const trainings = signal<TrainingList | undefined>(undefined);
export const problem = signal<ReturnType<typeof problemOf> | undefined>(undefined);

/** The training that is followed. */
let followed: string | undefined;

/** Reads the list, and follows the training that runs. */
export async function readTrainings(): Promise<void> {
  try {
    trainings.value = await api.listTrainings();
    problem.value = undefined;
  } catch (error) {
    problem.value = problemOf(error);
    return;
  }
  const running = trainings.value.trainings.find((training) => !hasStopped(training));
  if (running) void follow(running.name);
}

async function follow(name: string): Promise<void> {
  if (followed === name) return;
  followed = name;
  try {
    for await (const training of patientApi.followTraining(name)) put(training);
    await readModels(); // it may have become one
  } catch {
    // The list is read again when the server is back.
  }
  followed = undefined;
}

function put(training: TrainingView): void {
  const list = trainings.value;
  if (!list) return;
  trainings.value = { ...list, trainings: list.trainings.map((one) => (one.name === training.name ? training : one)) };
}

/** Begins a training. */
export const startTraining = (options: TrainingOptions) => act(() => api.startTraining(options));

export const stopTraining = (name: string) => act(() => api.stopTraining(name));

export const resumeTraining = (name: string) => act(() => api.resumeTraining(name));

export const deleteTraining = (name: string) => act(() => api.deleteTraining(name));

async function act(ask: () => Promise<unknown>): Promise<void> {
  try {
    await ask();
  } catch (error) {
    toast(problemOf(error).detail);
  }
  await readTrainings();
}

// The list is read when it is looked at, and when the server is back.
effect(() => {
  if (route.value.view === "trainings" && returns.value >= 0) void readTrainings();
});
