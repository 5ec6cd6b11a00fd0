// The trainings: what runs, how it goes, what came of it, and the start of another one.
import { useState } from "preact/hooks";
import type { TrainingOptions } from "../../client/index.ts";
import { Button } from "../parts/button.tsx";
import { Dialog } from "../parts/dialog.tsx";
import { Failure, Notice } from "../parts/notice.tsx";
import { models } from "../state/server.ts";
import { TrainingRow } from "./training-row.tsx";
import { problem, readTrainings, startTraining, trainings } from "./trainings.ts";

export function TrainingsView() {
  const [isAsking, setAsking] = useState(false);
  const list = trainings.value;
  const isBusy = list?.trainings.some(({ state }) => state === "preparing" || state === "running") ?? true;
  return (
    <div class="trainings">
      <div class="row heading">
        <div>
          <h1>Trainings</h1>
          <p class="summary">An encoder that learns from this collection, without labels, while the server goes on.</p>
        </div>
        {list?.enabled && (
          <Button kind="primary" disabled={isBusy} onClick={() => setAsking(true)}>
            Train on this collection
          </Button>
        )}
      </div>
      {problem.value && <Failure problem={problem.value} again={() => void readTrainings()} />}
      {list?.trainings.length === 0 && <NoTraining isEnabled={list.enabled} />}
      <ul class="cards" aria-label="Trainings">
        {list?.trainings.map((training) => (
          <TrainingRow key={training.name} training={training} isBusy={isBusy} isEnabled={list.enabled} />
        ))}
      </ul>
      {isAsking && (
        <StartDialog
          answer={(options) => {
            setAsking(false);
            if (options) void startTraining(options);
          }}
        />
      )}
    </div>
  );
}

function NoTraining({ isEnabled }: { readonly isEnabled: boolean }) {
  return isEnabled ? (
    <Notice
      title="No training yet"
      text="Half an hour on one core teaches an encoder what your images have in common. It can be stopped and resumed at any time, and answers nothing until you activate it."
    />
  ) : (
    <Notice
      title="This server starts no trainings"
      text={
        <>
          Train elsewhere with <code>moco-search train</code>, and put the model into the server's models folder.
        </>
      }
    />
  );
}

function StartDialog({ answer }: { answer(options: TrainingOptions | undefined): void }) {
  const trained = models.value?.models.flatMap((model) => (model.state === "invalid" ? [] : model.card)) ?? [];
  const read = (fields: FormData | undefined) => {
    const given = (name: string) => String(fields!.get(name)).trim() || undefined;
    if (!fields) return answer(undefined);
    const [name, init] = [given("name"), given("init")];
    answer({ minutes: Number(fields.get("minutes")), ...(name && { name }), ...(init && { init }) });
  };
  return (
    <Dialog title="Train on this collection" yes="Train" answer={read}>
      <label for="training-minutes">Minutes</label>
      <input id="training-minutes" name="minutes" type="number" min={1} max={1440} value={30} required />
      <label for="training-name">Name of the model; empty for one that is free</label>
      <input id="training-name" name="name" pattern="[A-Za-z0-9_\-][A-Za-z0-9._\-]{0,63}" maxLength={64} />
      <label for="training-init">Begin from</label>
      <select id="training-init" name="init">
        <option value="">nothing: random weights</option>
        {trained.map(({ name }) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </Dialog>
  );
}
