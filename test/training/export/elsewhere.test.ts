import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { readModel } from "../../../core/model-folder.ts";
import { packageRoot } from "../../../core/paths.ts";
import { runCliHere } from "../../../support/run-cli.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { tinyTraining, writePictures } from "../../../support/tiny-training.ts";
import { decodeSafetensors, encodeSafetensors } from "../../../training/data/safetensors.ts";
import { exportWeights } from "../../../training/export/elsewhere.ts";
import { type Library, pythonOf } from "../../../training/export/python.ts";
import { openCheckpoint } from "../../../training/import/file/open.ts";
import { importEncoder } from "../../../training/import/import.ts";
import { namedArchitecture } from "../../../training/network/backbone.ts";
import { regnetFromTimm, regnetToTimm } from "../../../training/network/timm-names.ts";
import { CHECKPOINT_FILE, loadCheckpoint } from "../../../training/run/checkpoint.ts";
import { train } from "../../../training/train.ts";

const fixtures = join(packageRoot(), "test/fixtures/checkpoints");

// scripts/pytorch-round-trip.ts loads these files in PyTorch; here they are held against files that PyTorch wrote.
describe("weights for PyTorch", () => {
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  after(() => remove());

  const written = async (from: string, library: Library) => {
    const output = join(folder, "weights.safetensors");
    const { python } = await exportWeights(from, { library, output });
    const file = decodeSafetensors(await readFile(output));
    assert.equal(file.metadata.python, python);
    return { ...file, python };
  };

  for (const [fixture, prefix] of [
    ["torchvision.pth", ""],
    ["moco-v1.pth.tar", "state_dict.module.encoder_q."],
    ["resnext.pth", ""],
    ["regnet-y.pth", "model."],
  ] as const) {
    it(`are those that were imported from ${fixture}, tensor by tensor and by the same names`, async () => {
      const modelsFolder = join(folder, "models");
      await importEncoder(join(fixtures, fixture), {
        name: "there",
        modelsFolder,
        size: 64,
        replace: true,
        threads: 1,
      });
      const { tensors } = await written(join(modelsFolder, "there"), "torchvision");
      const original = openCheckpoint(join(fixtures, fixture));
      const names = [...original.tensors.keys()]
        .filter((name) => name.startsWith(prefix))
        .map((name) => name.slice(prefix.length))
        .filter((name) => !name.startsWith("fc."));
      assert.deepEqual([...tensors.keys()].sort(), names.sort());
      for (const name of names.filter((one) => !one.endsWith("num_batches_tracked"))) {
        const { shape, read } = original.tensors.get(prefix + name)!;
        assert.deepEqual(tensors.get(name)!.shape, shape);
        assert.deepEqual(tensors.get(name)!.data, read());
      }
      original.close();
    });
  }

  it("have timm's names of a RegNet", async () => {
    const original = openCheckpoint(join(fixtures, "timm-regnet-x.safetensors"));
    for (const name of original.tensors.keys()) {
      assert.notEqual(regnetFromTimm(name), name);
      assert.equal(regnetToTimm(regnetFromTimm(name)), name);
    }
    original.close();
    assert.equal(regnetToTimm("trunk_output.block2.block2-0.f.se.fc1.bias"), "s2.b1.se.fc1.bias");
  });

  it("are those of a run's last checkpoint, without its head, and come back by import", async () => {
    await writePictures(folder);
    const { checkpoint } = await train(tinyTraining(folder, { budget: { steps: 2 } }));
    assert.equal(checkpoint, join(folder, "run", CHECKPOINT_FILE));
    const output = join(folder, "run.safetensors");
    const { code, stdout, stderr } = await runCliHere([
      "export",
      join(folder, "run"),
      "--to",
      "torchvision",
      "--output",
      output,
    ]);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /load_state_dict\(load_file\("run\.safetensors"\), strict=True\)/);
    const { tensors } = await loadCheckpoint(checkpoint);
    const modelsFolder = join(folder, "models");
    await importEncoder(output, { name: "back", modelsFolder, size: 16, threads: 1 });
    const back = decodeSafetensors(await readFile(join(modelsFolder, "back", "weights.safetensors")));
    assert.ok(back.tensors.size > 10 && !back.tensors.has("fc.0.weight"));
    for (const [name, { data }] of back.tensors) assert.deepEqual(data, tensors.get(`q.${name}`)!.data, name);
  });

  it("state their network: a first layer of 3×3 and stride 2 comes home as such, unless the user says otherwise", async () => {
    const output = join(folder, "default.safetensors");
    await exportWeights(join(packageRoot(), "models/default"), { library: "torchvision", output });
    const again = { name: "home", modelsFolder: join(folder, "models"), replace: true, threads: 1 };
    const { recognised, model } = await importEncoder(output, again);
    assert.match(recognised.join("\n"), /first layer 3×3 of stride 2, as the file states/);
    const { card } = await readModel(join(packageRoot(), "models"), "default");
    assert.deepEqual([model.card.input.width, model.card.input.height], [card.input.width, card.input.height]);
    await importEncoder(output, { ...again, name: "bright", mean: [0.6, 0.5, 0.4] });
    const bright = join(folder, "bright.safetensors");
    await exportWeights(join(folder, "models", "bright"), { library: "torchvision", output: bright });
    const home = await importEncoder(bright, again);
    assert.deepEqual(home.model.card.input.mean, [0.6, 0.5, 0.4]);
    const said = await importEncoder(output, { ...again, stemStride: 1 });
    assert.match(said.recognised.join("\n"), /first layer 3×3 of stride 1\./);

    const { tensors, metadata } = decodeSafetensors(await readFile(output));
    await writeFile(output, encodeSafetensors({ tensors, metadata: { ...metadata, "moco-search": "{}" } }));
    await assert.rejects(importEncoder(output, again), {
      code: "invalid_checkpoint",
      message: /"moco-search"\) is damaged\. Export it again/,
    });
  });

  it("are refused where the library has no such network, and beside options about a model", async () => {
    const says = { code: "invalid_configuration", message: /timm has.*Use --to torchvision/ };
    assert.throws(() => pythonOf({ architecture: namedArchitecture("small", 32), imageSize: 32 }, "timm", "x"), says);
    const architecture = { ...namedArchitecture("regnety-200mf", 32), depths: [1, 1, 4, 8] };
    assert.throws(() => pythonOf({ architecture, imageSize: 32 }, "timm", "x"), says);
    const { stderr } = await runCliHere(["export", folder, "--to", "timm", "--dimensions", "64"]);
    assert.match(stderr, /Expected only --output beside --to but received --dimensions/);
    const none = await runCliHere(["export", join(folder, "nowhere"), "--to", "timm"]);
    assert.match(none.stderr, /\(invalid_checkpoint\)/);
  });
});
