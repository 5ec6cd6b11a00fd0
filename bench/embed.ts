// Embedding speed beside PyTorch's on the same machine and device: a batch of ready-made images in the machine's memory
// → embeddings there, by ResNet-50 of 224×224 pixels. A server embeds no faster than this: it decodes images besides.
//
//   npm run bench:embed -- --provider webgpu --python python3 --peer-device cuda --forms contiguous,channels-last+tf32
import { join } from "node:path";
import { Command } from "commander";
import { InferenceSession, Tensor } from "../core/onnxruntime.ts";
import { packageRoot } from "../core/paths.ts";
import { createRandom } from "../training/data/random.ts";
import { input, serialize } from "../training/graph/index.ts";
import { backbone, namedArchitecture } from "../training/network/backbone.ts";
import { embeddingEncoder } from "../training/network/encoder.ts";
import { initialValues } from "../training/network/initialise.ts";
import { foldedScope, tensorSpecs } from "../training/network/scope.ts";
import { forwardOperations } from "./operations.ts";
import { answerOf, compare, flagsOf, peakMb, type Round, switchesOf } from "./sides.ts";

const SIDE = 224;
const ARCHITECTURE = namedArchitecture("resnet50", SIDE);
const WARM_UP = 3;
/** Forms that a PyTorch without a compiler has too; `channels-last+compile+frozen` is faster where there is one. */
const FORMS = ["contiguous", "channels-last", "channels-last+frozen"];

const program = new Command("bench:embed")
  .option("--batch <n>", "images of a run", Number, 16)
  .option("--runs <n>", "timed runs of a process", Number, 8)
  .option("--rounds <n>", "processes of each side, in turn", Number, 7)
  .option("--threads <n>", "threads of each side", Number, 2)
  .option("--python <program>", "a Python that has PyTorch and torchvision: the peer")
  .option("--forms <names>", "of PyTorch: channels-last, compile and frozen, joined by +, or contiguous", FORMS.join())
  .option("--peer-device <name>", "of PyTorch: cpu or cuda", "cpu")
  .option("--provider <name>", "execution provider of onnxruntime", "cpu")
  .option("--worker", "print one round of our side; used by this program itself")
  .parse();
const options = program.opts<{
  batch: number;
  runs: number;
  rounds: number;
  threads: number;
  python?: string;
  forms: string;
  peerDevice: string;
  provider: string;
  worker?: boolean;
}>();
const { batch, runs, threads, provider } = options;

if (options.worker) console.log(JSON.stringify(await time()));
else {
  const own = [...process.execArgv, process.argv[1]!, "--worker", ...flagsOf({ batch, runs, threads, provider })];
  const sides = new Map<string, () => Promise<Round>>([["ours", () => answerOf(process.execPath, own)]]);
  for (const form of options.python ? options.forms.split(",") : []) {
    const flags = flagsOf({ batch, runs, threads, device: options.peerDevice });
    const peer = [join(packageRoot(), "bench/pytorch_embed.py"), ...flags, ...switchesOf(form)];
    sides.set(form, () => answerOf(options.python!, peer));
  }
  const operations = forwardOperations((x, scope) => backbone(x, scope, ARCHITECTURE), SIDE);
  console.log(JSON.stringify(await compare(sides, { rounds: options.rounds, operations }), null, 2));
}

/** Images per second of the encoder as it is exported, with values that nobody has trained. */
async function time(): Promise<Round> {
  const config = { architecture: ARCHITECTURE, head: "linear" as const, dim: 128 };
  const pixels = input("pixels", [1, 3, SIDE, SIDE]);
  const random = createRandom(1);
  const values = new Map(
    tensorSpecs((scope) => embeddingEncoder(pixels, scope, config)).map((spec) => [
      spec.name,
      initialValues(spec, random),
    ]),
  );
  const encoder = embeddingEncoder(
    pixels,
    foldedScope((name) => values.get(name)!),
    config,
  );
  const onnx = serialize({ embedding: encoder }, { symbolicDims: { pixels: { 0: "N" }, embedding: { 0: "N" } } });
  const session = await InferenceSession.create(onnx, {
    executionProviders: [provider],
    intraOpNumThreads: threads,
    logSeverityLevel: 3,
  });
  const images = Float32Array.from({ length: batch * 3 * SIDE * SIDE }, () => random.uniform(-2, 2));
  const seconds: number[] = [];
  for (let run = 0; run < WARM_UP + runs; run++) {
    const start = performance.now();
    await session.run({ pixels: new Tensor("float32", images, [batch, 3, SIDE, SIDE]) });
    if (run >= WARM_UP) seconds.push((performance.now() - start) / 1000);
  }
  await session.release();
  seconds.sort((a, b) => a - b);
  return {
    imagesPerSecond: batch / seconds[seconds.length >> 1]!,
    rssMb: peakMb(),
  };
}
