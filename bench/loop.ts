// The whole loop that `auto` trains, from stored images to updated weights, beside the same loop in PyTorch with
// torchvision's transforms, in the forms that its users have: images per second once it runs, and peak memory.
//
//   npm run bench:loop -- photos/ --python python3 [--json] [--rounds 7]
//
// Each side has the cores that this process may use. Loader workers of PyTorch get none besides: with fewer cores than
// the machine has, start it under taskset.
import { execFile } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { Command } from "commander";
import { describeFailure } from "../cli/failure.ts";
import { AppError } from "../core/errors.ts";
import { packageRoot } from "../core/paths.ts";
import { SMALL_YOUNG_HEAP } from "../core/processes.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import type { TrainingConfig } from "../training/config/schema.ts";
import { backbone } from "../training/network/backbone.ts";
import { projectionHead } from "../training/network/heads.ts";
import { prepare } from "../training/run/prepare.ts";
import { stepOperations } from "./operations.ts";
import { answerOf, compare, flagsOf, type Round, switchesOf } from "./sides.ts";
import { timeLoop } from "./training-loop.ts";

/** Steps until threads, memory and loader workers are at their pace. */
const WARM_UP = 10;
/** Forms that have been the fastest somewhere, or that are how one begins. */
const FORMS = [
  "contiguous",
  "channels-last",
  "workers=1+channels-last",
  "workers=2+channels-last",
  "cached+channels-last",
  "cached+workers=1+channels-last",
  "cached+workers=2+channels-last",
  "v2+cached+channels-last",
];

const program = new Command("bench:loop")
  .argument("<images>", "folder of images")
  .option("--rounds <n>", "processes of each side, in turn", Number, 7)
  .option("--steps <n>", "timed steps of a process", Number, 20)
  .option("--threads <n>", "threads of each side", Number, availableParallelism())
  .option("--python <program>", "a Python that has PyTorch, torchvision, pillow and numpy: the peer")
  .option(
    "--forms <names>",
    "of PyTorch: v2, cached, workers=1, channels-last and compile, joined by +, or contiguous for none of them",
    FORMS.join(),
  )
  .option("--json", "print JSON only")
  .option("--worker <folder>", "print one round of our side, with decoded images there; used by this program itself")
  .parse();
const [images] = program.args as [string];
const options = program.opts<{
  rounds: number;
  steps: number;
  threads: number;
  python?: string;
  forms: string;
  json?: boolean;
  worker?: string;
}>();
const { steps, threads, python } = options;

try {
  if (options.worker) {
    const round = await timeLoop(images, { warmUp: WARM_UP, steps, threads, cacheFolder: options.worker });
    console.log(JSON.stringify(round));
  } else {
    const report = await compareLoops();
    if (options.json) console.log(JSON.stringify(report, null, 2));
    else console.dir(report, { depth: null });
  }
} catch (error) {
  console.error(describeFailure(error));
  process.exitCode = 1;
}

async function compareLoops() {
  if (python) await checkPeer(python);
  const { folder: cacheFolder, remove } = await temporaryFolder();
  try {
    const began = performance.now();
    const { config, dataset } = await prepare({ images: [images], cacheFolder });
    const readingSeconds = (performance.now() - began) / 1000;
    await dataset.close();
    const sides = new Map<string, () => Promise<Round>>([
      ["ours", async () => ({ ...(await ourRound(cacheFolder)), readingSeconds })],
    ]);
    for (const form of python ? options.forms.split(",") : []) sides.set(form, () => peerRound(python!, form, config));
    const operations = stepOperations(
      (x, scope) => projectionHead(backbone(x, scope, config.architecture), scope, config),
      config.imageSize,
    );
    const comparison = await compare(sides, { rounds: options.rounds, operations });
    return { images: dataset.count, threads, config, ...comparison };
  } finally {
    await remove();
  }
}

async function ourRound(cacheFolder: string): Promise<Round> {
  const flags = flagsOf({ worker: cacheFolder, steps, threads });
  const heap = SMALL_YOUNG_HEAP; // as `moco-search train` starts with
  return answerOf(process.execPath, [heap, ...process.execArgv, process.argv[1]!, images, ...flags]);
}

async function peerRound(python: string, form: string, config: TrainingConfig): Promise<Round> {
  return answerOf(python, [
    join(packageRoot(), "bench/pytorch_loop.py"),
    images,
    ...flagsOf({ config: JSON.stringify(config), "warm-up": WARM_UP, steps, threads }),
    ...switchesOf(form),
  ]);
}

/** @throws AppError `invalid_configuration` where the peer cannot run, or would have more cores than ours has threads. */
async function checkPeer(python: string): Promise<void> {
  const cores = availableParallelism();
  if (threads < cores) {
    throw new AppError(
      "invalid_configuration",
      `Expected a thread for each of the ${cores} cores, on which PyTorch's loader workers run too, but there are ${threads}. Start this under taskset -c 0-${threads - 1}.`,
    );
  }
  await promisify(execFile)(python, ["-c", "import numpy, PIL, torch, torchvision.transforms.v2"]).catch((error) => {
    const reason = String(error.stderr || error.message)
      .trim()
      .split("\n")
      .at(-1);
    throw new AppError(
      "invalid_configuration",
      `Expected a Python with torch, torchvision, pillow and numpy but ${python} says: ${reason}. Name another with --python.`,
      { cause: error },
    );
  });
}
