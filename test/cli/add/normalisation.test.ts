import assert from "node:assert/strict";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { addEncoder, assertSameEmbeddings, refusalOf } from "../../../support/added-encoder.ts";
import { type ForeignEncoder, writeForeignEncoder } from "../../../support/foreign-encoder.ts";
import { runCliHere } from "../../../support/run-cli.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const byte = (value: number) => value;
const unit = (value: number) => value / 255;
const signed = (value: number) => value / 127.5 - 1;

describe("moco-search add: the normalisation", () => {
  let folder: string;
  let remove: () => Promise<void>;
  beforeEach(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  afterEach(() => remove());
  const write = (options: ForeignEncoder = {}, name = "encoder.onnx") =>
    writeForeignEncoder(join(folder, name), options);
  const writeConfig = async (name: string, json: unknown) => {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, typeof json === "string" ? json : JSON.stringify(json));
  };

  const removeConfig = (name: string) => rm(join(folder, name), { force: true });

  it("is that which the graph does not begin with itself", async () => {
    for (const [start, range, value] of [
      [[["Div", [255]]], "0..255", byte],
      [
        [
          ["Mul", [1 / 255]],
          ["Sub", [0.485, 0.456, 0.406]],
          ["Div", [0.229, 0.224, 0.225]],
        ],
        "0..255",
        byte,
      ],
      [
        [
          ["Sub", [123.675, 116.28, 103.53]],
          ["Div", [58.395, 57.12, 57.375]],
        ],
        "0..255",
        byte,
      ],
      [[["Sub", [103.939, 116.779, 123.68]]], "0..255", byte],
      [
        [
          ["Div", [127.5]],
          ["Add", [-1]],
        ],
        "0..255",
        byte,
      ],
      [
        [
          ["Sub", [0.485, 0.456, 0.406]],
          ["Mul", [1 / 0.229, 1 / 0.224, 1 / 0.225]],
        ],
        "0..1",
        unit,
      ],
      [
        [
          ["Mul", [2]],
          ["Sub", [1]],
        ],
        "0..1",
        unit,
      ],
      [
        [
          ["Mul", [255]],
          ["Sub", [103.939, 116.779, 123.68]],
        ],
        "0..1",
        unit,
      ],
      [
        [
          ["Add", [1]],
          ["Div", [2]],
          ["Sub", [0.485, 0.456, 0.406]],
          ["Div", [0.229, 0.224, 0.225]],
        ],
        "-1..1",
        signed,
      ],
    ] as const) {
      for (const layout of ["NCHW", "NHWC"] as const) {
        const dims = layout === "NCHW" ? ["N", 3, 16, 16] : ["N", 16, 16, 3];
        const file = await write({ start, layout, dims });
        const { said } = await addEncoder(folder, file);
        const { from, says } = said.normalisation!;
        assert.equal(from, "file");
        const operators = start.map(([opType]) => opType).join(", ");
        assert.ok(says.startsWith(`values in ${range}; the graph begins with ${operators}, `), says);
        await assertSameEmbeddings(folder, file, { layout, value });
      }
    }
  });

  it("is read from constants of a graph in float16 and of a graph of bytes", async () => {
    const start = [
      ["Sub", [127]],
      ["Div", [64, 63, 62]],
    ] as const;
    const half = await write({ type: "float16", start });
    const { said } = await addEncoder(folder, half);
    assert.match(said.normalisation!.says, /\(value − 127\) \/ \[64, 63, 62\] of 0\.\.255/);
    await assertSameEmbeddings(folder, half, { type: "float16", value: byte }, 2e-3);
    // Of a graph whose input is of bytes the arithmetic says nothing: the type does.
    const bytes = await write({ type: "uint8", start: [["Mul", [2]]] });
    assert.match((await addEncoder(folder, bytes)).said.normalisation!.says, /values in 0\.\.255/);
    await assertSameEmbeddings(folder, bytes, { type: "uint8", value: byte });
  });

  it("is ImageNet's where nothing says it, or what the user says", async () => {
    const file = await write();
    const { said, card } = await addEncoder(folder, file);
    assert.deepEqual(said.normalisation, {
      what: "normalisation",
      says: "ImageNet's, mean [0.485, 0.456, 0.406], standard deviation [0.229, 0.224, 0.225] of values in 0..1",
      from: "assumed",
      where: "--range or --mean with --std",
    });
    assert.deepEqual(card.input.mean, [0.485, 0.456, 0.406]);
    for (const [args, value] of [
      [["--range", "0..1"], unit],
      [["--range", "0..255"], byte],
      [["--range", "-1..1"], signed],
      [["--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5"], signed],
    ] as const) {
      const added = await addEncoder(folder, file, ...args);
      assert.equal(added.said.normalisation!.from, "option");
      await assertSameEmbeddings(folder, file, { value });
    }
    assert.match(
      await refusalOf(folder, file, "--range", "0..1", "--mean", "0,0,0"),
      /--range.*cannot be used with.*--mean/,
    );
  });

  it("is the user's against that of the graph, which is said too", async () => {
    const file = await write({ start: [["Div", [255]]] });
    const { said } = await addEncoder(folder, file, "--range", "0..1");
    assert.match(said.normalisation!.says, /values in 0\.\.1; the graph normalises as well: begins with Div/);
    await assertSameEmbeddings(folder, file, { value: unit });
  });

  it("is that of the config beside the file, with size and fit", async () => {
    const clip = { image_mean: [0.48, 0.46, 0.41], image_std: [0.27, 0.26, 0.28] };
    const wanted = (value: number, c: number) => (value / 255 - clip.image_mean[c]!) / clip.image_std[c]!;
    const open = await write({ dims: ["N", 3, "h", "w"] });
    for (const [name, json, input, value] of [
      [
        "preprocessor_config.json",
        { ...clip, do_center_crop: true, crop_size: { height: 16, width: 20 }, size: { shortest_edge: 20 } },
        { width: 20, height: 16, fit: "cover" },
        wanted,
      ],
      [
        "preprocessor_config.json",
        { ...clip, size: 20, crop_size: null, do_center_crop: null },
        { width: 20, height: 20, fit: "fill" },
        wanted,
      ],
      [
        "preprocessor_config.json",
        { ...clip, size: { height: 16, width: 20 } },
        { width: 20, height: 16, fit: "fill" },
        wanted,
      ],
      [
        "preprocessor_config.json",
        { image_mean: [127, 127, 127], image_std: [64, 64, 64], do_rescale: false, crop_size: 24 },
        { width: 24, height: 24, fit: "cover" },
        (v: number) => (v - 127) / 64,
      ],
      [
        "preprocessor_config.json",
        { do_normalize: false, rescale_factor: 1 / 127.5, rescale_offset: true, size: 16 },
        { width: 16, height: 16, fit: "fill" },
        signed,
      ],
      [
        "open_clip_config.json",
        {
          model_cfg: {},
          preprocess_cfg: { size: 20, mean: clip.image_mean, std: clip.image_std, resize_mode: "longest" },
        },
        { width: 20, height: 20, fit: "contain" },
        wanted,
      ],
      [
        "config.json",
        {
          architecture: "x",
          pretrained_cfg: { input_size: [3, 16, 20], mean: clip.image_mean, std: clip.image_std, crop_mode: "squash" },
        },
        { width: 20, height: 16, fit: "fill" },
        wanted,
      ],
    ] as const) {
      for (const other of ["preprocessor_config.json", "open_clip_config.json"]) await removeConfig(other);
      await writeConfig(name, json);
      const { card, said } = await addEncoder(folder, open);
      const { width, height, fit } = card.input;
      assert.deepEqual({ width, height, fit }, input);
      for (const what of ["size", "fit", "normalisation"]) {
        assert.deepEqual([said[what]!.from, said[what]!.where], ["config", name]);
      }
      await assertSameEmbeddings(folder, open, { value });
    }
  });

  it("is that of the config a folder up from one named onnx", async () => {
    await writeConfig("preprocessor_config.json", {
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
      size: 16,
    });
    await mkdir(join(folder, "onnx"));
    const file = await write({}, "onnx/model.onnx");
    assert.equal((await addEncoder(folder, file)).said.normalisation!.where, "preprocessor_config.json");
    await assertSameEmbeddings(folder, file, { value: signed });
  });

  it("is not applied again where the graph has it, and not against the file's size or the user", async () => {
    const config = {
      image_mean: [0.5, 0.5, 0.5],
      image_std: [0.5, 0.5, 0.5],
      size: { shortest_edge: 32 },
      crop_size: 24,
    };
    await writeConfig("preprocessor_config.json", config);
    const file = await write({
      start: [
        ["Sub", [0.5]],
        ["Div", [0.5]],
      ],
    });
    const { card, said } = await addEncoder(folder, file);
    assert.match(said.normalisation!.says, /values in 0\.\.1.*that of preprocessor_config\.json is not applied again/);
    assert.deepEqual([card.input.width, said.size!.from], [16, "file"]);
    assert.match(said.fit!.says, /the 32 pixels that it is cut from there are not/);
    await assertSameEmbeddings(folder, file, { value: unit });
    const mine = await addEncoder(folder, await write(), "--range", "0..255", "--fit", "contain");
    assert.deepEqual([mine.card.input.fit, mine.said.fit!.from], ["contain", "option"]);
    await assertSameEmbeddings(folder, file, { value: byte });
  });

  it("is refused where the config cannot be read, and another program's config is left alone", async () => {
    const file = await write();
    for (const json of ["{", "[]", { image_mean: [0.5], image_std: [0.5] }, { image_std: [1, 1, 0] }, { size: -1 }]) {
      await writeConfig("preprocessor_config.json", json);
      assert.match(
        await refusalOf(folder, file),
        /preprocessor_config\.json, which is beside the encoder, but: .*--mean/,
      );
    }
    await removeConfig("preprocessor_config.json");
    await writeConfig("config.json", { mean: "of something else" });
    assert.equal((await addEncoder(folder, file)).said.normalisation!.from, "assumed");
  });

  it("is said in words, as is all else that was recognised", async () => {
    const file = await write({
      dims: [1, 3, "h", "w"],
      start: [["Div", [255]]],
      outputs: { image_embeds: "vector", out: "map" },
    });
    const models = join(folder, "models");
    const { stdout, stderr } = await runCliHere(["add", file, "--name", "said", "--models", models, "--fit", "fill"]);
    assert.deepEqual(
      stdout.split("\n"),
      [
        "File: ONNX opset 17, IR version 8, written by pytorch (the file says).",
        'Input: "input" float32 [1, 3, h, w] (the file says).',
        "Layout: NCHW, colours first (the file says).",
        "Size: 224×224 pixels (assumed; --size changes it).",
        "Fit: fill, other shapes are squashed to this one (--fit, as you say).",
        "Batch: 1 at a time, which it is fixed to. A symbolic batch size (dynamic_axes) is faster (the file says).",
        "Normalisation: values in 0..255; the graph begins with Div, (value − 0) / 255 of 0..255 (the file says).",
        'Output: "image_embeds" float32 [1, 8], by its name; there is also "out" float32 [1, 8, h, w] (the file says).',
        "Pooling: none, it is one vector for each image (tried).",
        `Wrote ${join(models, "said")}: 8 dimensions.`,
        "Let a running server use it:  moco-search activate said",
        "",
      ],
      stderr,
    );
  });
});
