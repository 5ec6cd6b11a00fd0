// One training: its state, how far it is, its curves, what it says of itself, and what can be done.
import type { TrainingView } from "../../client/index.ts";
import { begin } from "../models/swap.ts";
import { Button } from "../parts/button.tsx";
import { TrainingCurves } from "../parts/curve.tsx";
import { count, formatDuration, formatTime } from "../parts/words.ts";
import { address, go } from "../state/route.ts";
import { api, models } from "../state/server.ts";
import { TrainingFiles } from "./training-files.tsx";
import { deleteTraining, resumeTraining, stopTraining } from "./trainings.ts";

const STATES: Readonly<Record<TrainingView["state"], string>> = {
  preparing: "Reads the images",
  running: "Learns",
  stopped: "Stopped",
  done: "Done",
  failed: "Failed",
};

interface TrainingRowProps {
  readonly training: TrainingView;
  /** Some training runs. */
  readonly isBusy: boolean;
  readonly isEnabled: boolean;
}

export function TrainingRow({ training, isBusy, isEnabled }: TrainingRowProps) {
  const { name, state, progress, verdict, error, curve } = training;
  const isRunning = state === "preparing" || state === "running";
  return (
    <li class={`card ${isRunning ? "active" : state}`}>
      <div class="row">
        <div>
          <h2>{name}</h2>
          <p class="version">{factsOf(training)}</p>
        </div>
        <span class="badge">{STATES[state]}</span>
        {isEnabled && <Actions training={training} isBusy={isBusy} />}
      </div>
      {isRunning && <progress aria-label={`Progress of ${name}`} max={1} value={progress?.fraction ?? 0} />}
      {isRunning && progress && <p role="status">{progressOf(progress)}</p>}
      {verdict && <p>{verdict.message}</p>}
      {error && <pre class="failures">{error}</pre>}
      <TrainingCurves curve={curve} />
      <TrainingFiles training={training} />
    </li>
  );
}

function Actions({ training: { name, state, model }, isBusy }: Omit<TrainingRowProps, "isEnabled">) {
  const isAvailable = models.value?.models.some((one) => one.name === model && one.state === "available");
  const activate = async () => {
    go(address("models"));
    await begin(() => api.activateModel(name));
  };
  return (
    <div class="actions">
      {state === "done" && isAvailable && (
        <Button kind="primary" aria-label={`Activate ${name}`} onClick={() => void activate()}>
          Activate
        </Button>
      )}
      {(state === "preparing" || state === "running") && (
        <Button aria-label={`Stop ${name}`} onClick={() => void stopTraining(name)}>
          Stop
        </Button>
      )}
      {(state === "stopped" || state === "failed") && (
        <Button aria-label={`Resume ${name}`} disabled={isBusy} onClick={() => void resumeTraining(name)}>
          Resume
        </Button>
      )}
      {state !== "preparing" && state !== "running" && (
        <Button
          aria-label={`Delete ${name}`}
          title="Deletes its checkpoint and log; a model that came of it stays"
          onClick={() => void deleteTraining(name)}
        >
          Delete
        </Button>
      )}
    </div>
  );
}

function factsOf({ createdAt, images, minutes, begunFrom }: TrainingView): string {
  const from = begunFrom ? `, from ${begunFrom}` : "";
  return `${formatTime(createdAt)} · ${count(images, "image")}, ${formatDuration(minutes * 60)}${from}`;
}

function progressOf({ imagesSeen, imagesPerSecond, secondsLeft }: NonNullable<TrainingView["progress"]>): string {
  const rate = `${imagesSeen.toLocaleString()} images seen, ${Math.round(imagesPerSecond).toLocaleString()} a second`;
  return secondsLeft === undefined ? rate : `${rate}, ${formatDuration(secondsLeft)} left`;
}
