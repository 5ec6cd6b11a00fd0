// The papers' recipes against the papers' numbers, and what auto makes of a collection.
import assert from "node:assert/strict";
import {
  type Circumstances,
  DEFAULT_BUDGETS,
  RECIPE_NAMES,
  type RecipeName,
  recipeOf,
} from "../../../training/config/recipes.ts";
import { settle } from "../../../training/config/settle.ts";

const collection = { images: 50_000, side: 32, device: "cpu", memory: 8 * 2 ** 30 };
const configOf = (name: RecipeName) => settle(recipeOf(name, collection), {}).config;

describe("recipes", () => {
  it("moco-v1 is the first paper's", () => {
    const { head, dim, queue, keyMomentum, temperature, optimizer, learningRate, momentum, weightDecay, batch } =
      configOf("moco-v1");
    assert.deepEqual([head, dim, queue, keyMomentum, temperature], ["linear", 128, 65536, 0.999, 0.07]);
    assert.deepEqual([optimizer, learningRate, momentum, weightDecay, batch], ["sgd", 0.03, 0.9, 1e-4, 256]);
    for (const name of ["moco-v1", "moco-v2", "moco-cifar"] as const) {
      const { nesterov, decayVectors, smallQueries, headWidth } = configOf(name);
      assert.deepEqual([nesterov, decayVectors, smallQueries, headWidth], [false, true, undefined, undefined]);
    }
    const { schedule, views, architecture, imageSize } = configOf("moco-v1");
    assert.deepEqual(schedule, { kind: "step", warmup: 0, milestones: [0.6, 0.8] }); // epochs 120 and 160 of 200
    assert.deepEqual(views.cropScale, [0.2, 1]);
    assert.deepEqual(views.jitter, { probability: 1, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.4 });
    assert.deepEqual([views.grey, views.greyFirst, views.flip, views.blur.probability], [0.2, true, 0.5, 0]);
    assert.deepEqual([imageSize, architecture.block, architecture.depths], [224, "bottleneck", [3, 4, 6, 3]]);
  });

  it("moco-v2 is the second paper's", () => {
    const { head, dim, queue, keyMomentum, temperature, learningRate, weightDecay, batch, schedule, views } =
      configOf("moco-v2");
    assert.deepEqual([head, dim, queue, keyMomentum, temperature], ["mlp", 128, 65536, 0.999, 0.2]);
    assert.deepEqual([learningRate, weightDecay, batch, schedule], [0.03, 1e-4, 256, { kind: "cosine", warmup: 0 }]);
    assert.deepEqual(views.cropScale, [0.2, 1]);
    assert.deepEqual(views.jitter, { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 });
    assert.deepEqual([views.grey, views.greyFirst, views.flip], [0.2, false, 0.5]);
    assert.deepEqual(views.blur, { probability: 0.5, sigma: [0.1, 2] });
  });

  it("moco-v3-resnet50 is the authors' for 100 epochs", () => {
    const config = configOf("moco-v3-resnet50");
    const { mechanism, head, headWidth, headLayers, predictor, dim, bnGroups, batch, temperature } = config;
    assert.deepEqual([mechanism, head, headWidth, headLayers, dim], ["moco-v3", "mlp-bn", 4096, 2, 256]);
    assert.deepEqual([predictor, bnGroups, batch, temperature], [{ width: 4096, lastNorm: false }, 1, 4096, 1]);
    const { optimizer, learningRate, momentum, trust, weightDecay, schedule } = config;
    assert.deepEqual([optimizer, learningRate, momentum, trust, weightDecay], ["lars", 9.6, 0.9, 0.001, 1e-6]);
    assert.deepEqual(schedule, { kind: "cosine", warmup: 0.1 });
    assert.deepEqual([config.keyMomentum, config.keyMomentumSchedule], [0.99, "cosine"]);
    assert.ok(config.architecture.block === "bottleneck" && config.architecture.zeroInitResidual);
    const { views, keyViews } = config;
    assert.deepEqual(views.jitter, { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1 });
    assert.deepEqual(
      [views.cropScale, keyViews!.cropScale],
      [
        [0.2, 1],
        [0.2, 1],
      ],
    );
    assert.deepEqual([views.blur.probability, keyViews!.blur.probability], [1, 0.1]);
    assert.deepEqual([views.solarize, keyViews!.solarize], [undefined, 0.2]);
    assert.deepEqual(DEFAULT_BUDGETS["moco-v3-resnet50"], { epochs: 100 });
  });

  it("moco-v3-vit-small is the authors'", () => {
    const config = configOf("moco-v3-vit-small");
    const { architecture, headLayers, predictor, temperature, optimizer, learningRate, weightDecay, schedule } = config;
    assert.deepEqual(architecture, {
      ...{ block: "vit", widths: [384], depths: [12], heads: 12, patch: 16, hidden: 1536, layerScale: false },
      ...{ positions: "sin-cos", frozenPatches: true },
    });
    assert.deepEqual([headLayers, predictor, temperature], [3, { width: 4096, lastNorm: true }, 0.2]);
    assert.deepEqual([optimizer, learningRate, weightDecay], ["adamw", (1.5e-4 * 4096) / 256, 0.1]);
    assert.deepEqual(schedule, { kind: "cosine", warmup: 40 / 300 });
    assert.deepEqual(
      [config.views.cropScale, config.keyViews!.cropScale],
      [
        [0.08, 1],
        [0.08, 1],
      ],
    );
    assert.deepEqual(DEFAULT_BUDGETS["moco-v3-vit-small"], { epochs: 300 });
  });

  it("moco-cifar is the authors' demo", () => {
    const { head, dim, queue, keyMomentum, temperature, learningRate, weightDecay, batch, bnGroups } =
      configOf("moco-cifar");
    assert.deepEqual([head, dim, queue, keyMomentum, temperature], ["linear", 128, 4096, 0.99, 0.1]);
    assert.deepEqual([learningRate, weightDecay, batch, bnGroups], [0.06, 5e-4, 512, 8]);
    const { schedule, views, imageSize, architecture } = configOf("moco-cifar");
    assert.deepEqual([schedule, imageSize], [{ kind: "cosine", warmup: 0 }, 32]);
    assert.deepEqual([views.cropScale, views.jitter.probability, views.jitter.hue], [[0.08, 1], 0.8, 0.1]);
    assert.deepEqual([views.grey, views.flip, views.blur.probability], [0.2, 0.5, 0]);
    assert.ok(architecture.block === "basic");
    assert.deepEqual(
      [architecture.depths, architecture.stem],
      [[2, 2, 2, 2], { width: 64, kernel: 3, stride: 1, maxPool: false }],
    );
  });

  it("auto follows the collection and the machine, and says why", () => {
    const auto = (circumstances: Partial<Circumstances>) => recipeOf("auto", { ...collection, ...circumstances });
    assert.deepEqual([auto({}).config.batch, auto({}).config.queue, auto({}).config.imageSize], [128, 4096, 32]);
    const few = auto({ images: 240, side: 200 }).config;
    assert.deepEqual([few.batch, few.queue, few.imageSize, few.storedSize], [16, 32, 64, 128]);
    const { architecture, schedule, nesterov, decayVectors } = auto({}).config;
    assert.deepEqual(
      [architecture, schedule, nesterov, decayVectors],
      ["small-3", { kind: "linear", warmup: 0.02 }, true, false],
    );
    assert.equal(auto({ images: 1_000_000 }).config.keyMomentum, 0.999);
    assert.equal(auto({ device: "cuda" }).config.architecture, "resnet18");
    assert.equal(auto({ memory: 2 ** 30 }).config.batch, 64);
    const warm = (images: number) => {
      const { neighbours, temperature } = auto({ images, isWarm: true }).config;
      return [neighbours, temperature];
    };
    assert.deepEqual([warm(2000), warm(20_001), auto({}).config.neighbours], [[5, 0.2], [0, 0.1], 0]);
    assert.match(auto({}).reasons.queue!, /queue of 4096 keys: .* of the 50000 images/);
    const { reasons } = settle(auto({}), { queue: 512 });
    assert.ok(reasons.some((reason) => reason.startsWith("views of 32×32")));
    assert.ok(!reasons.some((reason) => reason.startsWith("queue")));
  });

  it("every recipe is valid for any collection", () => {
    for (const name of RECIPE_NAMES) {
      for (const images of [16, 17, 100, 1000, 60_000, 2_000_000]) {
        for (const side of [8, 28, 32, 64, 97, 500]) settle(recipeOf(name, { ...collection, images, side }), {});
      }
    }
  });
});
