import assert from "node:assert/strict";
import { join } from "node:path";
import { addEncoder, assertSameEmbeddings, refusalOf } from "../../../support/added-encoder.ts";
import { type ForeignEncoder, port, writeForeignEncoder } from "../../../support/foreign-encoder.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const MEAN = [0.485, 0.456, 0.406];
const STD = [0.229, 0.224, 0.225];
const imagenet = (byte: number, channel: number) => (byte / 255 - MEAN[channel]!) / STD[channel]!;

describe("moco-search add: the input", () => {
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  after(() => remove());
  const write = (options: ForeignEncoder) => writeForeignEncoder(join(folder, "encoder.onnx"), options);

  it("has its colours first or last, by its shape", async () => {
    for (const layout of ["NCHW", "NHWC"] as const) {
      const dims = layout === "NCHW" ? ["N", 3, 16, 20] : ["N", 16, 20, 3];
      const file = await write({ layout, dims });
      const { card, said } = await addEncoder(folder, file);
      assert.deepEqual([card.input.width, card.input.height], [20, 16]);
      assert.equal(said.layout!.from, "file");
      assert.match(said.layout!.says, new RegExp(layout));
      assert.equal(said.size!.from, "file");
      await assertSameEmbeddings(folder, file, { layout, value: imagenet });
    }
  });

  it("has its colours where the graph's first transpose, or the user, says", async () => {
    const open = { layout: "NHWC", dims: ["N", "h", "w", "c"] } as const;
    const file = await write(open);
    const { said } = await addEncoder(folder, file, "--size", "12");
    assert.deepEqual([said.layout!.from, said.size!.from, said.size!.where], ["file", "option", "--size"]);
    await assertSameEmbeddings(folder, file, { layout: "NHWC", value: imagenet });

    const turned = await write({ layout: "NHWC", dims: ["N", 3, 8, 3] });
    assert.match((await addEncoder(folder, turned)).said.layout!.says, /NHWC/);
    await assertSameEmbeddings(folder, turned, { layout: "NHWC", value: imagenet });

    const either = await write({ dims: ["N", 3, 8, 3] });
    assert.equal((await addEncoder(folder, either, "--layout", "NCHW")).said.layout!.where, "--layout");
    await assertSameEmbeddings(folder, either, { value: imagenet });

    const first = await write({ dims: ["N", "c", "h", "w"] });
    const assumed = await addEncoder(folder, first, "--size", "16");
    assert.deepEqual([assumed.said.layout!.from, assumed.said.layout!.where], ["assumed", "--layout"]);
    const option = await addEncoder(folder, first, "--size", "16", "--layout", "NCHW");
    assert.equal(option.said.layout!.from, "option");
    await assertSameEmbeddings(folder, first, { value: imagenet });
  });

  it("is refused where its colours are not clear, or are not three", async () => {
    for (const [dims, args, message] of [
      [["N", 3, 8, 3], [], /one axis of three channels.*\[N, 3, 8, 3\].*--layout NCHW or --layout NHWC/],
      [["N", 1, 16, 16], [], /three channels.*\[N, 1, 16, 16\].*grey.*RGB/],
      [["N", 16, 16, 1], [], /three channels.*grey/],
      [["N", 4, 16, 16], [], /three channels \(NCHW or NHWC\).*\[N, 4, 16, 16\]/],
      [["N", 3, 16, 16], ["--layout", "NHWC"], /three channels \(NHWC\).*\[N, 3, 16, 16\]/],
      [[3, 16, 16], [], /\[N, 3, H, W\] or \[N, H, W, 3\] but "input" is \[3, 16, 16\]/],
    ] as const) {
      assert.match(await refusalOf(folder, await write({ dims }), ...args), message);
    }
  });

  it("takes float16 and uint8", async () => {
    const half = await write({ type: "float16" });
    const { said } = await addEncoder(folder, half);
    assert.match(said.input!.says, /float16 \[N, 3, 16, 16\]/);
    await assertSameEmbeddings(folder, half, { type: "float16", value: imagenet }, 2e-3);

    const bytes = await write({ type: "uint8", layout: "NHWC", dims: ["N", 16, 16, 3] });
    const added = await addEncoder(folder, bytes);
    assert.match(added.said.normalisation!.says, /0\.\.255, as the input takes uint8/);
    await assertSameEmbeddings(folder, bytes, { type: "uint8", layout: "NHWC", value: (byte) => byte });
    assert.match(await refusalOf(folder, bytes, "--range", "0..1"), /takes uint8, but --range says 0\.\.1/);
    assert.match(await refusalOf(folder, bytes, "--mean", "0,0,0", "--std", "1,1,1"), /--mean and --std say otherwise/);
    assert.match(await refusalOf(folder, await write({ type: "int64" })), /float32, float16 or uint8 but it is int64/);
  });

  it("takes any size where the file leaves it open, and one that it fixes in part", async () => {
    const open = await write({ dims: ["N", 3, "h", "w"] });
    const { card, said } = await addEncoder(folder, open);
    assert.deepEqual([card.input.width, card.input.height, said.size!.from], [224, 224, "assumed"]);
    const tall = await write({ dims: ["N", 3, 24, "w"] });
    assert.deepEqual((await addEncoder(folder, tall, "--size", "16x24")).card.input.height, 24);
    await assertSameEmbeddings(folder, tall, { value: imagenet });
    assert.match(await refusalOf(folder, tall, "--size", "16"), /any×24 pixels.*--size says 16×16/);
  });

  it("takes one image at a time, or a number of them, where the file fixes it", async () => {
    for (const batch of [1, 2]) {
      const file = await write({ dims: [batch, 3, 16, 16], reshape: [batch, 8] });
      const { card, said } = await addEncoder(folder, file);
      assert.equal(card.batch, batch);
      assert.equal(said.batch!.from, "file");
      await assertSameEmbeddings(folder, file, { batch, value: imagenet });
    }
    const any = await addEncoder(folder, await write({}));
    assert.equal(any.card.batch, undefined);
    assert.match(any.said.batch!.says, /any number/);
  });

  it("takes one image at a time where the file says any number and two fail", async () => {
    for (const reshape of [
      [1, 8],
      [1, -1],
    ]) {
      const file = await write({ reshape });
      const { card, said } = await addEncoder(folder, file);
      assert.equal(card.batch, 1);
      assert.match(said.batch!.says, /1 at a time; the file says any number but two fail/);
      await assertSameEmbeddings(folder, file, { value: imagenet });
    }
  });

  it("is of images alone", async () => {
    const text = await write({ input: "pixel_values", more: [port("input_ids", "int64", ["N", 77])] });
    assert.match(await refusalOf(folder, text), /takes text, "input_ids"\. Export its vision tower alone/);
    const two = await write({ more: [port("mask", "float32", ["N", 16, 16])] });
    assert.match(await refusalOf(folder, two), /one input with --input; the model has "input", "mask"/);
    assert.match(
      await refusalOf(folder, two, "--input", "input"),
      /beside "input" it takes "mask" float32 \[N, 16, 16\]/,
    );
  });

  it("may be called as ours is, and so may tensors inside", async () => {
    const file = await write({
      input: "pixels",
      layout: "NHWC",
      dims: ["N", 16, 16, 3],
      outputs: { embedding: "map", moco_output_1: "vector" },
    });
    await addEncoder(folder, file, "--output", "moco_output_1");
    await assertSameEmbeddings(folder, file, {
      input: "pixels",
      output: "moco_output_1",
      layout: "NHWC",
      value: imagenet,
    });
  });
});
