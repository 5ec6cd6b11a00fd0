import assert from "node:assert/strict";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openEncoder } from "../../core/encoder-session.ts";
import { AppError, type ErrorCode } from "../../core/errors.ts";
import { fromHalf } from "../../core/half.ts";
import { sha256 } from "../../core/hash.ts";
import { readModel } from "../../core/model-folder.ts";
import { siblingModule } from "../../core/paths.ts";
import { startProcess } from "../../core/processes.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { TINY_CONFIG, TWO_STAGES, tinyTraining, writePictures } from "../../support/tiny-training.ts";
import type { TrainingConfig } from "../../training/config/schema.ts";
import type { Settings } from "../../training/config/settle.ts";
import { loadCheckpoint, saveCheckpoint } from "../../training/run/checkpoint.ts";
import type { TrainEvent } from "../../training/run/events.ts";
import type { StepMetrics } from "../../training/run/log.ts";
import { readWeights } from "../../training/run/warm-start.ts";
import { type TrainOptions, train } from "../../training/train.ts";

const STEPS = 24;

/** Writes pictures to a folder and trains on them: where, what it gave, and its steps. */
async function trainToTheEnd() {
  const { folder, remove } = await temporaryFolder();
  await writePictures(folder);
  const steps: StepMetrics[] = [];
  const onEvent = (event: TrainEvent) => event.kind === "step" && steps.push(event.metrics);
  const { model, metrics } = await train(tinyTraining(folder, { onEvent }));
  return { folder, remove, steps, model: model!, metrics: metrics! };
}

describe("train", () => {
  let folder: string;
  let remove: () => Promise<void>;
  /** A training from its start to its end, which several tests look at and none changes. */
  let whole: Awaited<ReturnType<typeof trainToTheEnd>>;

  before(async () => {
    whole = await trainToTheEnd();
  });
  after(() => whole.remove());

  beforeEach(async () => {
    ({ folder, remove } = await temporaryFolder());
    await cp(join(whole.folder, "images"), join(folder, "images"), { recursive: true });
  });
  afterEach(() => remove());

  const rejects = (promise: Promise<unknown>, code: ErrorCode, message: RegExp) =>
    assert.rejects(promise, (error) => error instanceof AppError && error.code === code && message.test(error.message));

  /** Everything that the next step depends on, as one hash; the seconds are left out. */
  const fingerprint = async (run: string, place = folder) => {
    const { config, progress, forms, tensors } = await loadCheckpoint(join(place, run, "checkpoint.safetensors"));
    const hashes = [...tensors].map(([name, { data }]) => [name, sha256(new Uint8Array(data.buffer))]);
    return { config, progress: { ...progress, seconds: 0 }, forms, tensors: Object.fromEntries(hashes) };
  };
  const onnx = async (models: string, place = folder) =>
    sha256(await readFile(join(place, models, "tiny", "encoder.onnx")));

  it("writes a model that can be used, with a card that says how it was made", async () => {
    const { model, metrics, steps } = whole;
    assert.equal(steps.length, STEPS);
    assert.deepEqual(
      steps.map(({ step }) => step),
      Array.from({ length: STEPS }, (_, i) => i + 1),
    );
    assert.equal(metrics.epoch, 3);

    const { card } = await readModel(join(whole.folder, "models"), "tiny");
    assert.deepEqual(card, model.card);
    assert.equal(card.dimensions, 40); // 8 + 4·8 features
    assert.deepEqual([card.input.width, card.input.height], [16, 16]);
    const { data, images, epochs, imagesSeen, recipe } = card.training!;
    assert.deepEqual({ data, images, epochs, imagesSeen }, { data: "images", images: 64, epochs: 3, imagesSeen: 192 });
    assert.equal(recipe.queue, 20);
    assert.ok(card.training!.metrics.exportDifference! <= 1e-4);
    const last = card.training!.curve!.at(-1)!;
    assert.deepEqual([last.epoch, last.imagesSeen], [3, 192]);
    assert.ok(Number.isFinite(last.loss));
    for (const { mean, std } of Object.values(card.scores!)) assert.ok(Math.abs(mean) <= 1 && std > 0 && std < 1);

    const encoder = await openEncoder(model, { threads: 1 });
    await encoder.close();
  });

  it("reports what it measured and the verdict after each epoch, in metrics.jsonl and report.html", async () => {
    await train(tinyTraining(folder, { secondsBetweenMeasures: 0, config: { queue: 8 } }));
    const text = await readFile(join(folder, "run", "metrics.jsonl"), "utf8");
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    assert.equal(lines.filter(({ kind }) => kind === "step").length, STEPS);
    const epochs = lines.filter(({ kind }) => kind === "epoch");
    assert.ok(epochs.length >= 1 && epochs.length <= 3);
    const last = epochs.at(-1);
    assert.equal(last.step, STEPS);
    for (const name of ["loss", "spread", "effectiveRank", "alignment", "uniformity", "evaluationAccuracy", "knn"]) {
      assert.ok(Number.isFinite(last[name]), name);
    }
    assert.equal(last.verdict.state, "learning", last.verdict.message);
    assert.match(await readFile(join(folder, "run", "report.html"), "utf8"), /learning/);
  });

  /** The state of the last verdict of a training with these hyper-parameters. */
  const lastVerdict = async (config: Partial<TrainingConfig>, epochs: number) => {
    let state: string | undefined;
    const onEvent = (event: TrainEvent) => {
      if (event.kind === "epoch") state = event.epoch.verdict.state;
    };
    await train(tinyTraining(folder, { budget: { epochs }, config, onEvent }));
    return state;
  };

  it("recognises a training that has collapsed from steps too large, the key encoder at its heels", async () => {
    const hasty = { learningRate: 3, keyMomentum: 0, queue: 8, schedule: { kind: "cosine", warmup: 0 } } as const;
    assert.equal(await lastVerdict(hasty, 6), "collapsed");
  });

  it("recognises a queue that holds most of the collection", async () => {
    assert.equal(await lastVerdict({ queue: 48 }, 1), "queue too large");
  });

  it("ends in the same bytes where it is killed at a random step and resumed, even where other forms are fastest by then", async () => {
    const tuningFile = join(folder, "tuning.json");
    const whole = { modelsFolder: join(folder, "whole-models"), runFolder: join(folder, "whole"), tuningFile };
    await train(tinyTraining(folder, whole));
    const victim = 2 + Math.floor(Math.random() * (STEPS - 3)); // there is a checkpoint of the step before
    const child = startProcess(siblingModule(import.meta.url, "../../support/training-process"), { args: [folder] });
    child.on("message", (step) => step === victim && child.kill("SIGKILL"));
    const [, signal] = await once(child, "exit");
    assert.equal(signal, "SIGKILL", `killed at step ${victim}`);
    assert.equal(existsSync(join(folder, "models")), false);

    const known = JSON.parse(await readFile(tuningFile, "utf8")) as Record<string, Record<string, { form: string }>>;
    const other = (asked: string, form: string) =>
      asked
        .split(" ")
        .at(-1)!
        .split("|")
        .find((name) => name !== form)!;
    for (const answers of Object.values(known)) {
      for (const [asked, answer] of Object.entries(answers)) answer.form = other(asked, answer.form);
    }
    await writeFile(tuningFile, JSON.stringify(known));

    const seen: number[] = [];
    const onEvent = (event: TrainEvent) => event.kind === "step" && seen.push(event.metrics.step);
    await train(tinyTraining(folder, { resume: true, tuningFile, onEvent }));
    assert.ok(seen.length > 0 && seen.length < STEPS, `resumed with step ${seen[0]}`);
    assert.deepEqual(await fingerprint("run"), await fingerprint("whole"), `killed at step ${victim}`);
    assert.equal(await onnx("models"), await onnx("whole-models"));
    const log = (await readFile(join(folder, "run", "metrics.jsonl"), "utf8")).trimEnd().split("\n");
    const logged = log.map((line) => JSON.parse(line)).filter(({ kind }) => kind === "step");
    assert.deepEqual(
      logged.map(({ step }) => step),
      Array.from({ length: STEPS }, (_, i) => i + 1),
    );
  });

  it("computes the same from less memory where activations are computed again", async () => {
    const architecture = { ...TWO_STAGES.architecture, widths: [16, 16] }; // enough values to be worth it
    const more = { budget: { steps: 3 }, config: { ...TINY_CONFIG, architecture, batch: 32, queue: 32 } };
    await train(
      tinyTraining(folder, { ...more, modelsFolder: join(folder, "whole-models"), runFolder: join(folder, "whole") }),
    );
    await train(tinyTraining(folder, { ...more, recompute: true }));
    assert.deepEqual(await fingerprint("run"), await fingerprint("whole"));
  });

  it("keeps a queue of float16 in the checkpoint, and goes on with it", async () => {
    const config = { ...TINY_CONFIG, queuePrecision: "float16" } as const;
    await train(
      tinyTraining(folder, { config, modelsFolder: join(folder, "whole-models"), runFolder: join(folder, "whole") }),
    );
    const stop = new AbortController();
    const onEvent = (event: TrainEvent) => event.kind === "step" && event.metrics.step === 9 && stop.abort();
    await train(tinyTraining(folder, { config, signal: stop.signal, onEvent }));
    const { tensors } = await loadCheckpoint(join(folder, "run", "checkpoint.safetensors"));
    const keys = fromHalf(tensors.get("queue")!.data as Uint16Array);
    for (let row = 0; row < keys.length; row += 16) {
      const length = Math.hypot(...keys.subarray(row, row + 16));
      assert.ok(Math.abs(length - 1) < 2e-3, `key of length ${length}`);
    }
    await train(tinyTraining(folder, { resume: true }));
    assert.deepEqual(await fingerprint("run"), await fingerprint("whole"));
  });

  it("keeps the checkpoint of a run that was stopped where another begins in its folder, not that of one that ended", async () => {
    const stop = new AbortController();
    const stopAt5 = (event: TrainEvent) => event.kind === "step" && event.metrics.step === 5 && stop.abort();
    await train(tinyTraining(folder, { signal: stop.signal, onEvent: stopAt5 }));
    const kept: Array<{ path: string; step: number }> = [];
    const onEvent = (event: TrainEvent) => event.kind === "kept" && kept.push(event);
    await train(tinyTraining(folder, { onEvent }));
    assert.equal(kept.length, 1);
    assert.equal((await loadCheckpoint(kept[0]!.path)).progress.step, 5);
    assert.equal((await loadCheckpoint(join(folder, "run", "checkpoint.safetensors"))).progress.step, STEPS);
    await train(tinyTraining(folder, { onEvent, replace: true }));
    assert.equal(kept.length, 1);
  });

  it("refuses a memory bank of float16", () =>
    rejects(
      train(tinyTraining(folder, { config: { ...TINY_CONFIG, mechanism: "memory-bank", queuePrecision: "float16" } })),
      "invalid_configuration",
      /queuePrecision: expected float32/,
    ));

  it("writes a checkpoint and no model where it is stopped, and goes on from there", async () => {
    const stop = new AbortController();
    const onEvent = (event: { kind: string; metrics?: StepMetrics }) => event.metrics?.step === 5 && stop.abort();
    const stopped = await train(tinyTraining(folder, { signal: stop.signal, onEvent }));
    assert.equal(stopped.model, undefined);
    assert.equal(stopped.metrics!.step, 5);
    assert.equal(existsSync(join(folder, "models")), false);
    assert.equal((await loadCheckpoint(stopped.checkpoint)).progress.step, 5);
    await train(tinyTraining(folder, { resume: true }));
    assert.deepEqual(await fingerprint("run"), await fingerprint("run", whole.folder));
  });

  it("writes a checkpoint and no model where it is stopped before its first step", async () => {
    const stopped = await train(tinyTraining(folder, { signal: AbortSignal.abort() }));
    assert.deepEqual([stopped.model, stopped.metrics], [undefined, undefined]);
    assert.equal((await loadCheckpoint(stopped.checkpoint)).progress.step, 0);
  });

  it("publishes a run whose steps were all done", async () => {
    await cp(join(whole.folder, "run"), join(folder, "run"), { recursive: true });
    const { model, metrics } = await train(tinyTraining(folder, { resume: true }));
    assert.equal(metrics!.step, STEPS);
    assert.equal(model!.card.sha256, await onnx("models", whole.folder));
  });

  it("takes about the minutes that it is given", async () => {
    const { metrics } = await train(tinyTraining(folder, { budget: { minutes: 1 / 60 } }));
    assert.ok(metrics!.step > 12 && metrics!.step === metrics!.totalSteps);
  });

  it("takes small queries, for as many steps as it is given", async () => {
    const smallQueries = { count: 2, size: 8, cropScale: [0.2, 0.6] } as const;
    const { model, metrics, checkpoint } = await train(
      tinyTraining(folder, { budget: { steps: 5 }, config: { smallQueries } }),
    );
    assert.equal(metrics!.step, 5);
    assert.equal(model!.card.input.width, TINY_CONFIG.imageSize);
    const { tensors } = await loadCheckpoint(checkpoint);
    assert.notDeepEqual(tensors.get("q.bn1.running_mean")!.data, tensors.get("k.bn1.running_mean")!.data);
  });

  describe("with MoCo v3", () => {
    const options = (config: Settings, more: Partial<TrainOptions> = {}): TrainOptions => {
      const { imageSize, storedSize, dim, batch, queue } = TINY_CONFIG;
      const tiny = { imageSize, storedSize, dim, batch, queue, headWidth: 16 };
      return { ...tinyTraining(folder, { budget: { steps: 6 }, ...more }), config: { ...tiny, ...config } };
    };

    it("goes on where it was stopped; keys have no predictor", async () => {
      const { architecture } = TINY_CONFIG;
      const config = { architecture, predictor: { width: 12, lastNorm: false } };
      const recipe = "moco-v3-resnet50";
      await train(options(config, { recipe, modelsFolder: join(folder, "wm"), runFolder: join(folder, "whole") }));
      const stop = new AbortController();
      const onEvent = (event: TrainEvent) => event.kind === "step" && event.metrics.step === 3 && stop.abort();
      await train(options(config, { recipe, signal: stop.signal, onEvent }));
      await train(options(config, { recipe, resume: true }));
      assert.deepEqual(await fingerprint("run"), await fingerprint("whole"));
      const { tensors } = await loadCheckpoint(join(folder, "run", "checkpoint.safetensors"));
      assert.ok(tensors.has("q.predictor.0.weight") && !tensors.has("k.predictor.0.weight"));
    });

    it("leaves a transformer's patches and positions as they began; another training begins from it", async () => {
      const vit = {
        block: "vit",
        widths: [8],
        depths: [1],
        heads: 2,
        patch: 4,
        hidden: 16,
        layerScale: false,
      } as const;
      const architecture = { ...vit, positions: "sin-cos", frozenPatches: true } as const;
      const config = { architecture, predictor: { width: 12, lastNorm: true } };
      const recipe = "moco-v3-vit-small";
      const begun = await train(options(config, { recipe, signal: AbortSignal.abort() }));
      const { tensors: before } = await loadCheckpoint(begun.checkpoint);
      const { model, checkpoint } = await train(options(config, { recipe, resume: true }));
      const { tensors: after } = await loadCheckpoint(checkpoint);
      for (const name of ["patch_embed.proj.weight", "patch_embed.proj.bias", "pos_embed"]) {
        assert.deepEqual(after.get(`q.${name}`)!.data, before.get(`q.${name}`)!.data, name);
        assert.ok(!after.has(`k.${name}`));
      }
      assert.notDeepEqual(after.get("q.fc.0.weight")!.data, before.get("q.fc.0.weight")!.data);
      const init = await readWeights(model!);
      const again = { init, name: "child", runFolder: join(folder, "child"), signal: AbortSignal.abort() };
      const child = await train(options(config, { recipe, ...again }));
      const { tensors } = await loadCheckpoint(child.checkpoint);
      assert.deepEqual(tensors.get("k.fc.0.weight")!.data, after.get("q.fc.0.weight")!.data);
    });
  });

  it("starts from the weights of a model", async () => {
    const { model } = whole;
    const init = await readWeights(model);
    const stopped = await train(
      tinyTraining(folder, { init, runFolder: join(folder, "warm"), signal: AbortSignal.abort() }),
    );
    const { tensors, parent } = await loadCheckpoint(stopped.checkpoint);
    for (const [name, { data }] of init.weights) {
      assert.deepEqual(tensors.get(`q.${name}`)!.data, data, name);
      assert.deepEqual(tensors.get(`k.${name}`)!.data, data, name);
    }
    const { name, version } = model.card;
    const { imagesSeen, seconds } = model.card.training!;
    assert.deepEqual(parent, { name, version, imagesSeen, seconds });
    assert.ok((tensors.get("velocity.conv1.weight")!.data as Float32Array).every((v) => v === 0));
  });

  it("refuses weights and checkpoints of another architecture", async () => {
    const { model, checkpoint } = await train(tinyTraining(folder, { budget: { epochs: 0.1 } }));
    const wide = { architecture: { ...TINY_CONFIG.architecture, widths: [24] } };
    const init = await readWeights(model!);
    await rejects(train(tinyTraining(folder, { init, config: wide })), "invalid_checkpoint", /another architecture/);
    await rejects(
      train(tinyTraining(folder, { resume: true, config: wide })),
      "invalid_configuration",
      /architecture\.widths: \[8\] in the run, \[24\] given/,
    );
    const { config, ...rest } = await loadCheckpoint(checkpoint);
    await saveCheckpoint(checkpoint, { ...rest, config: { ...config, ...wide } });
    await rejects(train({ ...tinyTraining(folder), config: {}, resume: true }), "invalid_checkpoint", /another arch/);
  });

  it("refuses to resume with other images, and goes on where the same ones were moved", async () => {
    const stop = { signal: AbortSignal.abort() };
    await train(tinyTraining(folder, stop));
    await cp(join(folder, "images"), join(folder, "moved"), { recursive: true });
    await train({ ...tinyTraining(folder, { resume: true, ...stop }), images: [join(folder, "moved")] });
    await cp(join(folder, "images", "odd", "001.png"), join(folder, "images", "odd", "100.png"));
    await rejects(
      train(tinyTraining(folder, { resume: true, ...stop })),
      "invalid_dataset",
      /64 images that the run began with, from .*moved, but the 65 in .*images are others/,
    );
  });

  it("has its run's folder for itself: another is refused and changes nothing, a killed one's folder is free", async () => {
    const module = siblingModule(import.meta.url, "../../support/training-process");
    const child = startProcess(module, { args: [folder] });
    const pid = child.pid!;
    await once(child, "message");
    await once(child, "message"); // its second step is done: the checkpoint of the first is there
    child.kill("SIGSTOP"); // so that it has not ended by the time it is killed
    for (const resume of [false, true]) {
      await rejects(
        train(tinyTraining(folder, { resume })),
        "invalid_configuration",
        new RegExp(`process ${pid}, is running in .*run\\..*kill -INT ${pid}.*--run`),
      );
    }
    child.kill("SIGKILL");
    await once(child, "exit");
    let hasStarted = () => {};
    const started = new Promise<void>((resolve) => (hasStarted = resolve));
    const onEvent = ({ kind }: TrainEvent) => kind === "starting" && hasStarted();
    const resumed = train(tinyTraining(folder, { resume: true, onEvent }));
    await Promise.race([started, resumed]);
    await rejects(train(tinyTraining(folder)), "invalid_configuration", new RegExp(`process ${process.pid}`));
    assert.equal((await resumed).metrics!.step, STEPS);
  }).timeout(120_000);

  it("refuses to resume where there is no checkpoint", async () => {
    await rejects(train(tinyTraining(folder, { resume: true })), "invalid_checkpoint", /checkpoint\.safetensors/);
  });

  it("says that the learning rate is too large where the loss is no longer a number", async () => {
    const diverging = { learningRate: 1e30, schedule: { kind: "cosine", warmup: 0 } } as const;
    await rejects(train(tinyTraining(folder, { config: diverging })), "invalid_model", /learning rate is too large/);
    assert.equal(existsSync(join(folder, "models")), false);
  });

  it("refuses fewer images than it needs", async () => {
    await cp(join(folder, "images", "odd", "001.png"), join(folder, "one.png"));
    const one = { ...tinyTraining(folder), images: [join(folder, "one.png")] };
    await rejects(train(one), "invalid_dataset", /at least 16 images/);
    const few = tinyTraining(folder, { config: { batch: 128, queue: 128 } });
    await rejects(train(few), "invalid_dataset", /at least one batch of 128 images but there are 64/);
  });

  it("does not replace a model unless asked", async () => {
    await cp(join(whole.folder, "models"), join(folder, "models"), { recursive: true });
    await rejects(train(tinyTraining(folder)), "model_exists", /"tiny"/);
    await train(tinyTraining(folder, { replace: true }));
  });
});
