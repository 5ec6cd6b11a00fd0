// A training in a process of its own, to be killed. `process.argv[2]` is its folder. Sends the number of each step
// that is done.
import { join } from "node:path";
import { train } from "../training/train.ts";
import { tinyTraining } from "./tiny-training.ts";

await train(
  tinyTraining(process.argv[2]!, {
    checkpointMinutes: 0, // after every step
    tuningFile: join(process.argv[2]!, "tuning.json"),
    onEvent: (event) => event.kind === "step" && process.send!(event.metrics.step),
  }),
);
