// The machine's peak in matrix products: the fastest run of the same engine on nothing but large ones, float32. A
// process of its own, which bench/train.ts starts in every round; it prints one line of JSON, GFLOP/s.
import { Command } from "commander";
import { createRandom } from "../training/data/random.ts";
import { compile, gemm, input } from "../training/graph/index.ts";

const program = new Command("gemm-peak")
  .requiredOption("--threads <n>", "threads of the engine", Number)
  .requiredOption("--provider <name>", "execution provider of onnxruntime")
  .parse();
const { threads, provider } = program.opts<{ threads: number; provider: string }>();

const SIDES = [256, 512, 1024];
/** Operations of the runs of one size; as many runs as that takes. */
const OPERATIONS = 60e9;
/** Products of a run, each of the last one's result, so that handing matrices over counts for little. */
const PRODUCTS = 4;

let gflops = 0;
for (const side of SIDES) gflops = Math.max(gflops, await fastest(side));
console.log(JSON.stringify(gflops));

/** GFLOP/s of the fastest run with square matrices of `side`. */
async function fastest(side: number): Promise<number> {
  const [a, b] = [input("a", [side, side]), input("b", [side, side])];
  let y = a;
  for (let n = 0; n < PRODUCTS; n++) y = gemm(y, b);
  const graph = await compile({ y }, { threads, providers: [provider] });
  const random = createRandom(1);
  const most = Math.sqrt(3 / side); // so that products stay as large as their factors
  const matrix = () => Float32Array.from({ length: side * side }, () => random.uniform(-most, most));
  const [feeds, into] = [{ a: matrix(), b: matrix() }, { y: new Float32Array(side * side) }];
  const operations = PRODUCTS * 2 * side ** 3;
  await graph.run(feeds, into);
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < OPERATIONS / operations; run++) {
    const began = performance.now();
    await graph.run(feeds, into);
    least = Math.min(least, (performance.now() - began) / 1000);
  }
  await graph.release();
  return operations / least / 1e9;
}
