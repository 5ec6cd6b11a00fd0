import assert from "node:assert/strict";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runCliHere } from "../../../support/run-cli.ts";
import { writeScenes } from "../../../support/scenes.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { TWO_STAGES } from "../../../support/tiny-training.ts";
import { recipeOf } from "../../../training/config/recipes.ts";
import { type Settings, settle } from "../../../training/config/settle.ts";
import { createRandom } from "../../../training/data/random.ts";
import { encoderTensors } from "../../../training/network/encoder.ts";
import { initialValues } from "../../../training/network/initialise.ts";
import { decodeWeights, encodeWeights } from "../../../training/run/warm-start.ts";
import { transferTable } from "../../../training/transfer/table.ts";
import { type TransferOptions, type TransferOutcome, transfer } from "../../../training/transfer/transfer.ts";

/** Writes the weights of a tiny network that nobody trained. */
async function writeWeights(file: string, settings: Settings = {}): Promise<void> {
  const machine = { images: 64, side: 16, device: "cpu", memory: 2 ** 30 } as const;
  const { config } = settle(recipeOf("auto", machine), { ...TWO_STAGES, ...settings });
  const random = createRandom(3);
  const tensors = encoderTensors(config).map((spec) => {
    return [spec.name, { shape: spec.shape, data: initialValues(spec, random) }] as const;
  });
  await writeFile(file, encodeWeights(config, new Map(tensors)));
}

describe("transfer", () => {
  let folder: string;
  let remove: () => Promise<void>;
  const weights = () => join(folder, "tiny.safetensors");

  before(async () => {
    ({ folder, remove } = await temporaryFolder());
    await writeScenes(folder, { train: 24, val: 8 });
    await writeWeights(weights());
  });
  after(() => remove());

  const short = (options: Partial<TransferOptions> = {}): TransferOptions => ({
    ...{ folder, encoders: [weights()], modelsFolder: folder, seeds: 1, threads: 1 },
    ...{ batch: 4, crop: 16, steps: 2, learningRate: 0.05 },
    ...options,
  });

  it("learns a small set with each head, also near boundaries", async () => {
    const outcomes = await transfer(short({ heads: ["dense", "points"], steps: 80 }));
    for (const { head, all, boundary } of outcomes) {
      assert.ok(all.mean > 0.8 && boundary.mean > 0.8, `${head}: ${all.mean}, near boundaries ${boundary.mean}`);
    }
    const [dense, points] = outcomes.map(({ multiplications }) => multiplications.head);
    assert.ok(points! <= dense!);
    assert.equal(outcomes[0]!.all.classes.length, 3);
  });

  it("gives the same for the same seed, and random weights for `random`", async () => {
    const first = await transfer(short({ encoders: [weights(), "random"], seeds: 2 }));
    const again = await transfer(short({ encoders: [weights(), "random"], seeds: 2 }));
    const losses = (outcomes: readonly TransferOutcome[]) => outcomes.map(({ loss }) => loss);
    assert.deepEqual(losses(again), losses(first));
    assert.equal(new Set(losses(first)).size, 4);
    assert.deepEqual(
      first.map(({ encoder, seed }) => `${encoder} ${seed}`),
      ["tiny 1", "random 1", "tiny 2", "random 2"],
    );
  });

  it("keeps a file for each run and does not repeat it", async () => {
    const resultsFolder = join(folder, "results");
    const [first] = await transfer(short({ resultsFolder }));
    assert.deepEqual(await readdir(resultsFolder), ["tiny-dense-1.json"]);
    let steps = 0;
    const onStep = () => void steps++;
    assert.deepEqual(await transfer(short({ resultsFolder, onStep })), [JSON.parse(JSON.stringify(first))]);
    assert.equal(steps, 0);
    await assert.rejects(transfer(short({ resultsFolder, steps: 3 })), {
      code: "invalid_configuration",
      message: /tiny-dense-1\.json to be of a run with the settings .*"steps":3.*Choose another folder/,
    });
    await writeFile(join(resultsFolder, "tiny-dense-1.json"), "{");
    await assert.rejects(transfer(short({ resultsFolder })), { message: /tiny-dense-1\.json .* is not JSON/ });
  });

  it("holds back the last fifth of the training images where asked", async () => {
    const [outcome] = await transfer(short({ holdOut: true }));
    assert.deepEqual(outcome!.settings.images, { train: 19, measured: 5 });
  });

  it("ends after the step under way and gives what is measured", async () => {
    const stop = new AbortController();
    const onStep: TransferOptions["onStep"] = ({ seed }) => seed === 2 && stop.abort();
    const outcomes = await transfer(short({ seeds: 3, signal: stop.signal, onStep }));
    assert.deepEqual(
      outcomes.map(({ seed }) => seed),
      [1],
    );
  });

  it("refuses crops that do not fit the stride", () =>
    assert.rejects(transfer(short({ crop: 17 })), {
      code: "invalid_configuration",
      message: /a multiple of 2 pixels, the network's stride, but received 17\. Choose 18/,
    }));

  it("refuses a transformer", async () => {
    const file = join(folder, "vit.safetensors");
    const shape = { widths: [16], depths: [1], heads: 2, patch: 4, hidden: 32, layerScale: false };
    await writeWeights(file, { architecture: { block: "vit", ...shape } });
    await assert.rejects(transfer(short({ encoders: [file] })), { code: "invalid_model", message: /is a transformer/ });
  });

  it("refuses weights that are not there, and fewer images than a batch", async () => {
    const missing = join(folder, "none.safetensors");
    await assert.rejects(transfer(short({ encoders: [missing] })), { code: "invalid_checkpoint" });
    await assert.rejects(transfer(short({ batch: 25 })), { code: "invalid_dataset" });
  });

  it("refuses weights of another network than their configuration says", async () => {
    const file = join(folder, "torn.safetensors");
    const { config, weights: tensors } = decodeWeights(await readFile(weights()), file);
    const without = [...tensors].filter(([name]) => name !== "layer2.0.conv1.weight");
    await writeFile(file, encodeWeights(config, new Map(without)));
    await assert.rejects(transfer(short({ encoders: [file] })), {
      code: "invalid_checkpoint",
      message: /Expected the tensor layer2\.0\.conv1\.weight of \[16,8,3,3\] but it is not there/,
    });
  });

  it("refuses two encoders of the same name", async () => {
    await mkdir(join(folder, "other"));
    const other = join(folder, "other", "tiny.safetensors");
    await writeWeights(other);
    await assert.rejects(transfer(short({ encoders: [weights(), other] })), {
      code: "invalid_configuration",
      message: /two are called tiny/,
    });
  });

  it("is a command that prints a table", async () => {
    const flags = [
      "--encoders",
      weights(),
      "--seeds",
      "1",
      "--steps",
      "2",
      "--batch",
      "4",
      "--crop",
      "16",
      "--no-tune",
    ];
    const { code, stdout, stderr } = await runCliHere(["transfer", folder, ...flags, "--threads", "1"]);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /^\| encoder \| head \| seeds \| mean IoU .*\n\| :-- .*\n\| tiny \| dense \| 1 \| \d+\.\d \| /,
    );
  });

  it("is a command that says what is wrong", async () => {
    const { code, stderr } = await runCliHere(["transfer", join(folder, "nowhere"), "--encoders", weights()]);
    assert.equal(code, 1);
    assert.match(stderr, /Expected the folder .*nowhere.train.images but there is none/);
  });
});

describe("the table of a transfer", () => {
  it("has mean and standard deviation over the seeds", async () => {
    const settings = {} as TransferOutcome["settings"];
    const outcome = (seed: number, mean: number): TransferOutcome => ({
      ...{ encoder: "a", head: "dense", seed, settings, seconds: 1, loss: 0.5 },
      all: { mean, classes: [], accuracy: 0.9 },
      boundary: { mean: mean / 2, classes: [], accuracy: 0.5 },
      multiplications: { encoder: 1e9, head: 4.1e8 },
    });
    const rows = transferTable([outcome(1, 0.4), outcome(2, 0.44)]).split("\n");
    assert.equal(rows[2], "| a | dense | 2 | 42.0 ± 2.8 | 21.0 ± 1.4 | 90.0 ± 0.0 | 0.50 ± 0.00 | 410 |");
  });
});
