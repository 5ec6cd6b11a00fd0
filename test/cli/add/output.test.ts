import assert from "node:assert/strict";
import { join } from "node:path";
import { addEncoder, assertSameEmbeddings, refusalOf } from "../../../support/added-encoder.ts";
import { FOREIGN_DIMENSIONS, type ForeignEncoder, writeForeignEncoder } from "../../../support/foreign-encoder.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";

const RANGE = ["--range", "0..1"];
const value = (byte: number) => byte / 255;

describe("moco-search add: the output", () => {
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  after(() => remove());
  const write = (options: ForeignEncoder) => writeForeignEncoder(join(folder, "encoder.onnx"), options);

  it("is chosen by well-known names, then by shape", async () => {
    for (const [outputs, chosen, why] of [
      [{ last_hidden_state: "tokens", pooler_output: "vector" }, "pooler_output", /by its name/],
      [{ last_hidden_state: "tokens", "1607": "vector" }, "1607", /by its shape, a vector/],
      [{ layer4: "map", out: "vector", sizes: "int64" }, "out", /by its shape/],
    ] as const) {
      const file = await write({ outputs });
      const { card, said } = await addEncoder(folder, file, ...RANGE);
      assert.equal(card.dimensions, FOREIGN_DIMENSIONS);
      assert.match(said.output!.says, new RegExp(`^"${chosen}" float32 \\[N, 8\\].*there is also "`));
      assert.match(said.output!.says, why);
      await assertSameEmbeddings(folder, file, { output: chosen, value });
    }
    const logits = await write({ outputs: { logits: "vector", layer4: "map" } });
    assert.match(await refusalOf(folder, logits, ...RANGE), /a feature map, \[N, 8, 4, 4\].*--pool mean.*--output/);
  });

  it("is the one that the user names", async () => {
    const file = await write({ outputs: { pooler_output: "vector", layer4: "map", sizes: "int64" } });
    const { said } = await addEncoder(folder, file, ...RANGE, "--output", "layer4", "--pool", "mean");
    assert.deepEqual([said.output!.from, said.pooling!.from, said.pooling!.where], ["option", "option", "--pool"]);
    assert.match(said.pooling!.says, /mean over 16 positions/);
    const mean = (values: Float32Array) =>
      Array.from({ length: FOREIGN_DIMENSIONS }, (_, c) =>
        values.subarray(c * 16, c * 16 + 16).reduce((a, b) => a + b),
      );
    await assertSameEmbeddings(folder, file, { output: "layer4", value, pool: mean });
    assert.match(
      await refusalOf(folder, file, "--output", "nope"),
      /--output says "nope"; the model has "pooler_output"/,
    );
    assert.match(
      await refusalOf(folder, file, "--output", "sizes"),
      /"sizes" to be float32 or float16 but it is int64/,
    );
  });

  it("may be tokens in float16, of which the mean is taken", async () => {
    const file = await write({ type: "float16", outputs: { last_hidden_state: "tokens", logits: "vector" } });
    assert.match(await refusalOf(folder, file), /the output is tokens, \[N, 16, 8\]/);
    const { said } = await addEncoder(folder, file, ...RANGE, "--pool", "mean");
    assert.match(said.output!.says, /^"last_hidden_state" float16/);
    const mean = (values: Float32Array) =>
      Array.from({ length: FOREIGN_DIMENSIONS }, (_, c) =>
        values.reduce((sum, x, i) => (i % 8 === c ? sum + x : sum), 0),
      );
    await assertSameEmbeddings(folder, file, { type: "float16", output: "last_hidden_state", value, pool: mean }, 2e-3);
  });

  it("is refused where several could be it", async () => {
    const two = await write({ outputs: { a: "vector", b: "vector" } });
    assert.match(
      await refusalOf(folder, two),
      /one output that is the embedding; the model has "a" float32 \[N, 8\], "b".*--output/,
    );
  });

  it("is refused where it has no row for each image", async () => {
    const file = await write({ reshape: [-1] });
    assert.match(
      await refusalOf(folder, file, ...RANGE),
      /"features" to have a row for each image but it is \[8\] for 1/,
    );
  });

  it("must not depend on the images beside it", async () => {
    const file = await write({ outputs: { features: "centred" } });
    assert.match(await refusalOf(folder, file, ...RANGE), /same whatever it is embedded with.*model\.eval\(\)/);
  });

  it("is of a version that onnxruntime knows", async () => {
    for (const [versions, message] of [
      [{ opset: 6 }, /opset 7 or later but model "refused" has opset 6\./],
      [{ opset: 99 }, /opset \d+ or earlier of ai\.onnx but model "refused" has opset 99.*opset_version=\d+/],
      [{ irVersion: 99 }, /IR version \d+ or earlier but model "refused" has IR version 99.*model\.ir_version = \d+/],
    ] as const) {
      assert.match(await refusalOf(folder, await write(versions)), message);
    }
    for (const opset of [7, 21]) {
      const file = await write({ opset });
      const { said } = await addEncoder(folder, file, ...RANGE);
      assert.match(said.file!.says, new RegExp(`ONNX opset ${opset}, IR version 8, written by pytorch`));
      await assertSameEmbeddings(folder, file, { value });
    }
  });
});
