// Networks of every name and size, written for torchvision and timm with random weights, and the features that ours
// gives: scripts/pytorch/check_exports.py loads them there strictly and compares. Then back: what PyTorch saves is
// imported.
//
//   npx tsx scripts/pytorch-round-trip.ts write /tmp/exports && python3 scripts/pytorch/check_exports.py /tmp/exports
//   npx tsx scripts/pytorch-round-trip.ts import /tmp/exports
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "../core/errors.ts";
import { InferenceSession, Tensor } from "../core/onnxruntime.ts";
import { type RecipeConfig, recipeOf } from "../training/config/recipes.ts";
import { settle } from "../training/config/settle.ts";
import { createRandom } from "../training/data/random.ts";
import { decodeSafetensors, encodeSafetensors, type StoredTensor } from "../training/data/safetensors.ts";
import { exportWeights } from "../training/export/elsewhere.ts";
import { LIBRARIES } from "../training/export/python.ts";
import { compile, input } from "../training/graph/index.ts";
import { importEncoder } from "../training/import/import.ts";
import { ARCHITECTURE_NAMES, type Architecture, backbone, namedArchitecture } from "../training/network/backbone.ts";
import { encoderTensors } from "../training/network/encoder.ts";
import { initialValues } from "../training/network/initialise.ts";
import { evaluationScope } from "../training/network/scope.ts";
import { encodeWeights } from "../training/run/warm-start.ts";

const SIDES = [32, 128];
const [what, folder] = process.argv.slice(2);
if (!folder) throw new Error("Expected write or import, and a folder.");

if (what === "write") {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const name of ARCHITECTURE_NAMES) {
    for (const size of SIDES) await write(`${name}-${size}`, namedArchitecture(name, size), size);
  }
  const wide: Architecture = {
    block: "bottleneck",
    widths: [64, 64, 128, 128],
    depths: [1, 2, 1, 1],
    expansion: 2,
    groups: 4,
    stem: { width: 64, kernel: 7, stride: 2, maxPool: true },
  };
  await write("grouped-64", wide, 64);
  const vit = { block: "vit", widths: [96], depths: [3], heads: 6, patch: 8, hidden: 192 } as const;
  for (const layerScale of [false, true]) await write(`vit-scaled-${layerScale}`, { ...vit, layerScale }, 64);
} else {
  for (const file of (await readdir(folder)).filter((name) => /\.(pth|ckpt|pt|tar)$/.test(name)).sort())
    await back(file);
}

/** Pixels [2, 3, S, S] as check_exports.py has them. */
function pixels(size: number): Float32Array {
  return Float32Array.from({ length: 2 * 3 * size * size }, (_, i) => ((i * 7919) % 1000) / 500 - 1);
}

async function write(name: string, architecture: Architecture, size: number): Promise<void> {
  const recipe = recipeOf("moco-v2", { images: 0, side: size, device: "cpu", memory: 2 ** 33 });
  const { config } = settle({ ...recipe, config: recipe.config as RecipeConfig }, { architecture, imageSize: size });
  const random = createRandom(7);
  const weights = new Map<string, StoredTensor>();
  for (const spec of encoderTensors(config)) {
    const isNorm = spec.shape.length === 1;
    const data = initialValues(spec, random).map((v) => (isNorm ? v + 0.4 * random.uniform() : v));
    weights.set(spec.name, { shape: spec.shape, data });
  }
  const x = input("pixels", [2, 3, size, size]);
  const names: string[] = [];
  const scope = evaluationScope((spec) => {
    names.push(spec.name);
    return input(spec.name, spec.shape);
  });
  const graph = await compile({ features: backbone(x, scope, architecture) });
  const feeds = Object.fromEntries(names.map((tensor) => [tensor, weights.get(tensor)!.data as Float32Array]));
  const { features } = await graph.run({ pixels: pixels(size), ...feeds });
  await graph.release();
  const model = join(folder!, name);
  await mkdir(model);
  await writeFile(join(model, "weights.safetensors"), encodeWeights(config, weights));
  const expected = { shape: [2, (features as Float32Array).length / 2], data: features as Float32Array };
  await writeFile(
    join(folder!, `${name}.features`),
    encodeSafetensors({ tensors: new Map([["features", expected]]), metadata: { size: String(size) } }),
  );
  for (const library of LIBRARIES) {
    try {
      await exportWeights(model, { library, output: join(folder!, `${name}.${library}.safetensors`) });
    } catch (error) {
      if (!hasCode(error, "invalid_configuration")) throw error;
      console.log(`${name}: ${error.message}`);
    }
  }
}

/** Imports a checkpoint beside which PyTorch's features lie, and prints how far ours are from them. */
async function back(file: string): Promise<void> {
  const features = decodeSafetensors(await readFile(join(folder!, `${file}.features`)));
  const size = Number(features.metadata.size);
  const began = performance.now();
  const { model, recognised } = await importEncoder(join(folder!, file), {
    name: "imported",
    modelsFolder: join(folder!, "models"),
    size,
    replace: true,
  });
  const seconds = (performance.now() - began) / 1000;
  const session = await InferenceSession.create(model.onnxPath);
  const { embedding } = await session.run({ pixels: new Tensor("float32", pixels(size), [2, 3, size, size]) });
  await session.release();
  const { data, shape } = features.tensors.get("features")!;
  const width = shape[1]!;
  const expected = (data as Float32Array).map((value, i) => {
    const first = i - (i % width);
    return value / Math.hypot(...(data as Float32Array).subarray(first, first + width));
  });
  const ours = embedding!.data as Float32Array;
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const apart = expected.reduce((most, value, i) => Math.max(most, Math.abs(value - ours[i]!)), 0) / largest;
  console.log(
    `${file}: ${recognised[2]} ${seconds.toFixed(1)} s, ${apart.toExponential(1)} of the largest feature apart`,
  );
  if (!(apart <= 1e-4)) process.exitCode = 1;
}
