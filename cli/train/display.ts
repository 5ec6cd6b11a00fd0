import { describeLeftOut } from "../../core/find-images.ts";
import { percent } from "../../core/percent.ts";
import type { TrainEvent } from "../../training/index.ts";
import { nameEach } from "../image-files.ts";
import { showProgress } from "../progress.ts";

/** Shows the progress of a training on stderr. */
export function trainingDisplay(minutes?: number): { show: (event: TrainEvent) => void; stop: () => void } {
  const reading = showProgress("reading images", "images");
  const embedding = showProgress("embedding", "images");
  const training = showProgress("training", "images");
  let batch = 1;
  return {
    show(event) {
      if (event.kind === "reading") reading.update(event.done, event.total);
      if (event.kind === "starting") {
        reading.stop();
        batch = event.config.batch;
        const { corrupt, count, leftOut } = event.dataset;
        const entries = count + corrupt.length + leftOut.length;
        console.error(
          `${entries} entries: ${count} images to train on, ${corrupt.length} that cannot be decoded, ${describeLeftOut(leftOut)}.`,
        );
        nameEach([...corrupt, ...leftOut]);
        if (minutes) console.error(`The ${minutes} minutes of training begin now; reading images came before them.`);
        for (const reason of event.reasons) console.error(`- ${reason}`);
      }
      if (event.kind === "kept") {
        console.error(
          `Another run stopped here at step ${event.step}; its checkpoint is kept as ${event.path}. To go on with that one, stop this run, rename the file to checkpoint.safetensors, and use --resume.`,
        );
      }
      if (event.kind === "embedding") {
        embedding.update(event.done, event.total);
        if (event.done === event.total) embedding.stop();
      }
      if (event.kind === "tuning") {
        console.error(
          `Timing ${event.shapes} kinds of convolution on this machine, once${minutes ? `, beside the ${minutes} minutes` : ""} …`,
        );
      }
      if (event.kind === "exporting") {
        training.stop();
        console.error(`Writing and checking the model${minutes ? `; the ${minutes} minutes are over` : ""} …`);
      }
      if (event.kind === "epoch") {
        training.say(`epoch ${event.epoch.epoch.toFixed(1)}  ${event.epoch.verdict.message}`);
      }
      if (event.kind === "step") {
        const { step, totalSteps, loss, accuracy, waitingShare } = event.metrics;
        training.update(
          step * batch,
          totalSteps && totalSteps * batch,
          `loss ${loss.toFixed(3)}  own key found ${percent(accuracy, 0)}${waitingShare > 0.05 ? `  waiting for data ${percent(waitingShare, 0)}` : ""}`,
        );
      }
    },
    stop() {
      for (const shown of [reading, embedding, training]) shown.stop();
    },
  };
}
