import assert from "node:assert/strict";
import { recipeOf } from "../../../training/config/recipes.ts";
import { type Settings, settle, settleResumed } from "../../../training/config/settle.ts";

const recipe = recipeOf("moco-cifar", { images: 50_000, side: 32, device: "cpu", memory: 2 ** 33 });
const config = (set: Settings) => settle(recipe, set).config;

/** The message of the refusal. */
function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    assert.equal((error as { code?: string }).code, "invalid_configuration");
    return (error as Error).message;
  }
  throw new Error("Expected a refusal");
}

describe("settle", () => {
  it("what the user sets replaces the recipe's, inside records too", () => {
    const { temperature, views, queue } = config({ temperature: 0.5, views: { jitter: { hue: 0.2 } } });
    assert.deepEqual([temperature, queue, views.jitter.hue, views.jitter.brightness], [0.5, 4096, 0.2, 0.4]);
  });

  it("the learning rate and the BN groups follow the batch where they are not set, and it is said", () => {
    const { config: settled, reasons } = settle(recipe, { batch: 20 });
    assert.deepEqual([settled.learningRate, settled.bnGroups], [(0.06 * 20) / 512, 5]);
    assert.ok(reasons.some((reason) => reason.includes("learning rate in proportion to the batch of 20")));
    assert.equal(config({ batch: 20, learningRate: 0.1 }).learningRate, 0.1);
  });

  it("the batch follows a small queue, the stored size follows the views", () => {
    assert.equal(config({ queue: 100 }).batch, 64);
    assert.equal(config({ imageSize: 48 }).storedSize, 48);
  });

  it("a network by name fits the size of the images", () => {
    for (const [imageSize, stride] of [
      [128, 2],
      [32, 1],
    ] as const) {
      const { architecture } = config({ architecture: "regnety-200mf", imageSize });
      assert.ok(architecture.block === "regnet");
      assert.equal(architecture.stem.stride, stride);
    }
    assert.match(
      refusal(() => config({ architecture: "vgg" as "small" })),
      /resnet18.*vgg/,
    );
  });

  it("another optimiser gets a rate of its own", () => {
    assert.equal(config({ optimizer: "adamw" }).learningRate, 0.002); // 0.001 at batch 256
    assert.equal(config({ optimizer: "lars", learningRate: 1 }).learningRate, 1);
  });

  it("another schedule gets its own parts", () => {
    assert.deepEqual(config({ schedule: { kind: "step" } }).schedule, {
      kind: "step",
      warmup: 0,
      milestones: [0.6, 0.8],
    });
    assert.deepEqual(config({ schedule: { kind: "linear" } }).schedule, { kind: "linear", warmup: 0 });
    assert.deepEqual(config({ schedule: { warmup: 0.1 } }).schedule, { kind: "cosine", warmup: 0.1 });
  });

  it("lists every problem at once", () => {
    const message = refusal(() =>
      config({
        temperature: -1,
        batch: 512,
        queue: 100,
        bnGroups: 7,
        keyMomentum: 2,
        views: { cropScale: [0.5, 0.2] },
      }),
    );
    for (const name of ["temperature", "keyMomentum", "views.cropScale"]) assert.ok(message.includes(name), message);
    const crossed = refusal(() => config({ batch: 512, queue: 100, bnGroups: 7 }));
    assert.match(crossed, /queue of 100 to hold at least one batch of 512/);
    assert.match(crossed, /7 BN groups to divide the batch of 512/);
  });

  it("names contradictions", () => {
    assert.match(
      refusal(() => config({ optimizer: "adamw", momentum: 0.9 })),
      /adamw.*momentum belongs to sgd or lars/,
    );
    assert.match(
      refusal(() => config({ betas: [0.9, 0.99], trust: 1 })),
      /sgd.*betas and trust/,
    );
    assert.match(
      refusal(() => config({ schedule: { kind: "cosine", milestones: [0.5] } as Settings["schedule"] & object })),
      /milestones/,
    );
    assert.match(
      refusal(() => config({ storedSize: 16 })),
      /size of the views, 32/,
    );
  });

  it("takes several small queries with moco alone", () => {
    const smallQueries = { count: 4, size: 16, cropScale: [0.1, 0.5] } as const;
    assert.deepEqual(config({ smallQueries }).smallQueries, smallQueries);
    assert.match(
      refusal(() => config({ smallQueries, mechanism: "end-to-end" })),
      /one query of full size with the mechanism end-to-end/,
    );
    assert.match(
      refusal(() => config({ smallQueries: { ...smallQueries, pairs: true }, head: "mlp-bn" })),
      /smallQueries.pairs: expected a head without batch norm/,
    );
    assert.match(
      refusal(() => config({ smallQueries: { count: 4 } as Settings["smallQueries"] })),
      /smallQueries.size/,
    );
  });

  it("names an unknown hyper-parameter", () => {
    assert.match(
      refusal(() => config({ tempreature: 1 } as Settings)),
      /tempreature/,
    );
  });

  it("a run that goes on keeps its configuration: the same again is fine, another is refused", () => {
    const run = config({ architecture: "resnet18" });
    assert.equal(settleResumed(run, { architecture: "resnet18", queue: 4096, views: { grey: 0.2 } }), run);
    const message = refusal(() => settleResumed(run, { architecture: "resnet50", queue: 64 }));
    assert.match(message, /architecture.block: "basic" in the run, "bottleneck" given/);
    assert.match(message, /queue: 4096 in the run, 64 given/);
  });
});
