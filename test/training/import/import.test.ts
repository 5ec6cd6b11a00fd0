import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openEncoder } from "../../../core/encoder-session.ts";
import type { Model } from "../../../core/model.ts";
import { readModel } from "../../../core/model-folder.ts";
import { InferenceSession, Tensor } from "../../../core/onnxruntime.ts";
import { packageRoot } from "../../../core/paths.ts";
import { runCliHere } from "../../../support/run-cli.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { TINY_CONFIG, tinyTraining, writePictures } from "../../../support/tiny-training.ts";
import { decodeSafetensors } from "../../../training/data/safetensors.ts";
import { type ImportOptions, importEncoder } from "../../../training/import/import.ts";
import { loadCheckpoint } from "../../../training/run/checkpoint.ts";
import { readWeights } from "../../../training/run/warm-start.ts";
import { train } from "../../../training/train.ts";

const fixtures = join(packageRoot(), "test/fixtures/checkpoints");

/** The fixtures of scripts/pytorch/make_checkpoints.py, and what is to be recognised. */
const CHECKPOINTS: readonly {
  file: string;
  size: number;
  heads?: number;
  format: string;
  training: RegExp;
  network: string;
}[] = [
  {
    file: "moco-v1.pth.tar",
    size: 64,
    format: "PyTorch (before 1.6)",
    training: /authors' MoCo v1; tensors state_dict\.module\.encoder_q\.….* with its projection head/,
    network: "ResNet (bottleneck), widths 8,12,16,20, depths 1,2,1,1",
  },
  {
    file: "moco-v2.pth.tar",
    size: 64,
    format: "PyTorch (before 1.6)",
    training: /authors' MoCo v2; .* with its projection head/,
    network: "ResNet (bottleneck), widths 8,12,16,20, depths 1,2,1,1",
  },
  {
    file: "moco-v3.pth.tar",
    size: 64,
    format: "PyTorch (zip)",
    training: /authors' MoCo v3; tensors state_dict\.module\.base_encoder\.….* with its projection head/,
    network: "ResNet (bottleneck), widths 8,12,16,20, depths 1,2,1,1",
  },
  {
    file: "lightly.ckpt",
    size: 64,
    format: "PyTorch (zip)",
    training: /lightly; tensors state_dict\.backbone\.….*as a Sequential/,
    network: "ResNet (basic), widths 4,6,8,10, depths 1,1,1,1",
  },
  {
    file: "lightly-cifar.ckpt",
    size: 32,
    format: "PyTorch (zip)",
    training: /lightly; .* names as lightly's ResNet/,
    network: "ResNet (basic), widths 4,8,16,32, depths 1,1,1,1",
  },
  {
    file: "solo-learn.ckpt",
    size: 32,
    format: "PyTorch (zip)",
    training: /solo-learn; tensors state_dict\.backbone\./,
    network: "ResNet (basic), widths 4,6,8,10, depths 1,1,1,1",
  },
  {
    file: "moco-cifar.pth",
    size: 32,
    format: "PyTorch (zip)",
    training: /authors' demo on CIFAR-10; tensors state_dict\.encoder_q\.….* with its projection head/,
    network: "ResNet (basic), widths 4,6,8,10, depths 1,1,1,1",
  },
  {
    file: "torchvision.pth",
    size: 64,
    format: "PyTorch (zip)",
    training: /a network by itself/,
    network: "ResNet (basic), widths 4,6,8,10, depths 2,1,1,1",
  },
  {
    file: "half-channels-last.pt",
    size: 64,
    format: "PyTorch (zip)",
    training: /a network by itself/,
    network: "ResNet (basic), widths 4,6,8,10, depths 2,1,1,1",
  },
  {
    file: "bfloat16.safetensors",
    size: 64,
    format: "safetensors",
    training: /a network by itself/,
    network: "ResNet (basic), widths 4,6,8,10, depths 2,1,1,1",
  },
  {
    file: "resnext.pth",
    size: 64,
    format: "PyTorch (zip)",
    training: /a network by itself/,
    network: "ResNet (bottleneck), widths 8,8,16,16, depths 1,1,1,1",
  },
  {
    file: "timm.safetensors",
    size: 64,
    format: "safetensors",
    training: /a network by itself/,
    network: "ResNet (bottleneck), widths 8,12,16,20, depths 1,1,1,1",
  },
  {
    file: "regnet-y.pth",
    size: 64,
    format: "PyTorch (zip)",
    training: /tensors model\.….*RegNet of torchvision/,
    network: "RegNetY, widths 8,16, depths 1,2",
  },
  {
    file: "timm-regnet-x.safetensors",
    size: 64,
    format: "safetensors",
    training: /RegNet of timm/,
    network: "RegNetX, widths 8,16,24,48, depths 1,1,1,2",
  },
  {
    file: "moco-v3-vit.pth.tar",
    size: 32,
    format: "PyTorch (zip)",
    training: /authors' MoCo v3; .*ViT of timm/,
    network: "ViT, width 24, 2 blocks of 12 heads, patches of 8 pixels",
  },
  {
    file: "dino.pth",
    size: 32,
    heads: 3,
    format: "PyTorch (zip)",
    training: /DINO's teacher; tensors teacher\.backbone\./,
    network: "ViT, width 24, 2 blocks of 3 heads, patches of 8 pixels",
  },
  {
    file: "dinov2.pth",
    size: 32,
    heads: 12,
    format: "PyTorch (zip)",
    training: /a network by itself/,
    network: "ViT, width 24, 2 blocks of 12 heads, patches of 8 pixels",
  },
];

const VIT_SMALL = {
  block: "vit",
  widths: [384],
  depths: [12],
  heads: 12,
  patch: 16,
  hidden: 1536,
  layerScale: false,
} as const;

/** What PyTorch was given: two images [2, 3, S, S]. */
const pixels = (size: number) =>
  Float32Array.from({ length: 2 * 3 * size * size }, (_, i) => ((i * 7919) % 1000) / 500 - 1);

/** What encoder.onnx makes of {@link pixels}. */
async function embedded({ onnxPath }: Model, size: number): Promise<Float32Array> {
  const session = await InferenceSession.create(onnxPath);
  const { embedding } = await session.run({ pixels: new Tensor("float32", pixels(size), [2, 3, size, size]) });
  await session.release();
  return embedding!.data as Float32Array;
}

/** Rows of unit norm. */
function normalised(values: Float32Array, width: number): Float32Array {
  return values.map((value, i) => {
    const first = i - (i % width);
    return value / Math.hypot(...values.subarray(first, first + width));
  });
}

function assertClose(actual: Float32Array, expected: Float32Array, relative: number): void {
  assert.equal(actual.length, expected.length);
  const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const apart = actual.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  assert.ok(apart <= relative * largest, `they differ by ${apart} of ${largest}`);
}

describe("import of encoders from elsewhere", () => {
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  after(() => remove());

  const imported = (file: string, more: Partial<ImportOptions> = {}) =>
    importEncoder(join(fixtures, file), {
      name: "imported",
      modelsFolder: join(folder, "models"),
      replace: true,
      threads: 1,
      ...more,
    });

  for (const { file, size, heads, format, training, network } of CHECKPOINTS) {
    it(`${file}: recognised, and its features are PyTorch's`, async () => {
      const { model, recognised } = await imported(file, { size, ...(heads && { heads }) });
      const text = recognised.join("\n");
      assert.equal(model.card.source!.format, format);
      assert.equal(model.card.source!.file, file);
      assert.match(text, training);
      assert.ok(text.includes(network), text);
      const { tensors } = decodeSafetensors(await readFile(join(fixtures, "features.safetensors")));
      const { data, shape } = tensors.get(file.replace(/\..*/, ""))!;
      assertClose(await embedded(model, size), normalised(data as Float32Array, shape[1]!), 1e-4);
      await (await openEncoder(model)).close(); // as a server opens it
    });
  }

  it("recognises preprocessing and epochs, and the user's word goes before", async () => {
    const { card } = (await imported("solo-learn.ckpt")).model;
    assert.deepEqual(card.input, {
      width: 32,
      height: 32,
      fit: "cover",
      mean: [0.4914, 0.4822, 0.4465],
      std: [0.247, 0.2435, 0.2616],
    });
    const demo = (await imported("moco-cifar.pth")).model.card.input;
    assert.deepEqual([demo.width, demo.std], [32, [0.2023, 0.1994, 0.201]]);
    assert.deepEqual((await imported("lightly-cifar.ckpt")).model.card.input.std, [0.229, 0.224, 0.225]);
    const half: [number, number, number] = [0.5, 0.5, 0.5];
    const own = await imported("moco-v2.pth.tar", {
      size: 48,
      fit: "fill",
      mean: half,
      std: half,
      licence: "CC BY-NC",
    });
    assert.deepEqual(own.model.card.input, { width: 48, height: 48, fit: "fill", mean: half, std: half });
    assert.equal(own.model.card.licence, "CC BY-NC");
    assert.equal(own.model.card.source!.epochs, 200);
    assert.equal((await imported("moco-v3.pth.tar", { size: 64 })).model.card.input.mean[0], 0.485);
  });

  it("takes another network of the file by its prefix, and another first layer", async () => {
    const { recognised, model } = await imported("moco-v1.pth.tar", {
      size: 64,
      prefix: "state_dict.module.encoder_k",
      stemStride: 1,
      stemPool: false,
    });
    assert.match(recognised.join("\n"), /state_dict\.module\.encoder_k\.….*\n.*first layer 7×7 of stride 1\./);
    const query = (await imported("moco-v1.pth.tar", { size: 64, name: "query" })).model;
    assert.notDeepEqual(await embedded(model, 64), await embedded(query, 64));
    const says = { code: "invalid_checkpoint", message: /begin with "nowhere": there are .*encoder_q.*encoder_k/ };
    await assert.rejects(imported("moco-v1.pth.tar", { prefix: "nowhere" }), says);
  });

  it("interpolates a transformer's positions for images of another size, as PyTorch does", async () => {
    const { model } = await imported("dino.pth", { size: 48, heads: 3 });
    const { tensors } = decodeSafetensors(await readFile(join(fixtures, "features.safetensors")));
    const { data } = tensors.get("dino-48")!;
    assertClose(await embedded(model, 48), normalised(data as Float32Array, 24), 1e-4);
    const says = { code: "invalid_configuration", message: /multiple of the 8 pixels of a patch, not 36/ };
    await assert.rejects(imported("dino.pth", { size: 36, heads: 3 }), says);
    await assert.rejects(imported("dino.pth", { size: 32, heads: 7 }), { message: /heads that divide the width/ });
  });

  it("whitens on a collection, as export does", async () => {
    const images = await writePictures(folder);
    const embedding = { kind: "whitened", dimensions: 12, strength: 0.5 } as const;
    const more = { images: [images], cacheFolder: join(folder, "cache"), embedding };
    const { card } = (await imported("solo-learn.ckpt", more)).model;
    assert.equal(card.dimensions, 12);
    assert.match(card.architecture, /whitened to 12 dimensions/);
    assert.ok(card.scores!.positive.mean > card.scores!.random.mean);
    const bare = imported("solo-learn.ckpt", { embedding });
    await assert.rejects(bare, { code: "invalid_configuration", message: /--images/ });
  });

  it("is continued by a training: with its head, or with a new one where it has none that is ours", async () => {
    await writePictures(folder);
    for (const [file, hasHead] of [
      ["moco-v2.pth.tar", true],
      ["moco-v3.pth.tar", true],
      ["solo-learn.ckpt", false],
    ] as const) {
      const { model } = await imported(file, { size: 32 });
      const init = await readWeights(model);
      assert.equal(init.weights.has("fc.0.weight"), hasHead);
      const { batch, queue, bnGroups } = TINY_CONFIG;
      const stopped = await train({
        ...tinyTraining(folder, { init, runFolder: join(folder, file), signal: AbortSignal.abort() }),
        config: { batch, queue, bnGroups },
      });
      const { tensors, config: settled } = await loadCheckpoint(stopped.checkpoint);
      assert.deepEqual(settled.architecture, init.config.architecture);
      assert.deepEqual(settled.normalisation, { mean: model.card.input.mean, std: model.card.input.std });
      for (const [name, { data }] of init.weights) assert.deepEqual(tensors.get(`q.${name}`)!.data, data, name);
      const head = tensors.get("q.fc.0.weight")!.data as Float32Array;
      assert.ok(head.some((value) => value !== 0));
      if (hasHead) assert.equal(settled.dim, init.config.dim);
    }
  });

  it("trains a transformer on", async () => {
    await writePictures(folder);
    const { model } = await imported("moco-v3-vit.pth.tar", { size: 32, mean: [0.4, 0.5, 0.6] });
    const init = await readWeights(model);
    assert.equal(init.weights.has("fc.0.weight"), false, "a transformer's head is another");
    const { batch, queue, bnGroups } = TINY_CONFIG;
    const run = tinyTraining(folder, { init, budget: { steps: 3 }, runFolder: join(folder, "vit") });
    const trained = await train({ ...run, config: { batch, queue, bnGroups, dim: 16, imageSize: 32, storedSize: 32 } });
    assert.ok(Number.isFinite(trained.metrics!.loss));
    const { tensors } = await loadCheckpoint(trained.checkpoint);
    for (const name of ["cls_token", "blocks.0.mlp.fc1.weight", "blocks.1.attn.qkv.weight"]) {
      assert.notDeepEqual(tensors.get(`q.${name}`)!.data, init.weights.get(name)!.data, name);
    }
    for (const name of ["pos_embed", "patch_embed.proj.weight"]) {
      assert.deepEqual(tensors.get(`q.${name}`)!.data, init.weights.get(name)!.data, `${name} is fixed in MoCo v3`);
    }
    const { input } = trained.model!.card;
    assert.deepEqual([input.width, input.mean], [32, [0.4, 0.5, 0.6]], "as what it began from was shown its images");
  });

  it("says what is published about an encoder of the authors' size only", async () => {
    const { publishedAccuracy } = await import("../../../training/import/published.ts");
    const { namedArchitecture } = await import("../../../training/network/backbone.ts");
    const resnet50 = namedArchitecture("resnet50", 224);
    assert.match(publishedAccuracy(resnet50, "moco-v2", 800)!, /MoCo v2: 71\.1 % after 800 epochs/);
    assert.match(publishedAccuracy(resnet50, "moco-v3", 300)!, /72\.8 %/);
    assert.match(publishedAccuracy(resnet50, "moco-v1")!, /60\.6 %/);
    assert.match(publishedAccuracy(VIT_SMALL, "moco-v3", 300)!, /ViT-S.*73\.2 %/);
    assert.equal(publishedAccuracy(VIT_SMALL, "dino"), undefined);
    assert.equal(publishedAccuracy(resnet50, "moco-v2", 17), undefined);
    assert.equal(publishedAccuracy(namedArchitecture("resnet18", 224), "moco-v2", 200), undefined);
    assert.equal((await imported("moco-v2.pth.tar", { size: 64 })).model.card.source!.published, undefined);
  });

  it("is a command that says what it recognised", async () => {
    const models = join(folder, "models");
    const file = join(fixtures, "solo-learn.ckpt");
    const { code, stdout, stderr } = await runCliHere(["import", file, "--name", "solo", "--models", models]);
    assert.equal(code, 0, stderr);
    assert.match(
      stdout,
      /Training: solo-learn.*\nNetwork: ResNet.*\nImages: 32×32 pixels.*\nWrote .*solo: 10 dimensions/s,
    );
    assert.equal((await readModel(models, "solo")).card.source!.training, "solo-learn");
    const again = await runCliHere(["import", file, "--name", "solo", "--models", models]);
    assert.match(again.stderr, /model_exists/);
    const missing = await runCliHere(["import", join(folder, "none.pth"), "--name", "none", "--models", models]);
    assert.match(missing.stderr, /cannot be opened.*\(invalid_checkpoint\)/);
  });
});
