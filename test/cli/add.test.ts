import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import onnxProto from "onnx-proto";
import { openEncoder } from "../../core/encoder-session.ts";
import { readModel } from "../../core/model-folder.ts";
import { runCli } from "../../support/run-cli.ts";
import { temporaryFolder } from "../../support/temporary-folder.ts";
import { writeTinyModel } from "../../support/tiny-model.ts";

const { ModelProto } = onnxProto.onnx;

describe("moco-search add", () => {
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  after(() => remove());
  const add = (...args: string[]) => runCli(["add", ...args, "--models", join(folder, "models"), "--json"]);

  it("wraps an encoder of other names and another norm; its embeddings are those of the original, of unit norm", async () => {
    const unit = await writeTinyModel(folder, "unit", { seed: 4, dimensions: 24 });
    const long = await writeTinyModel(folder, "long", { seed: 4, dimensions: 24, norm: 7 });
    const model = ModelProto.decode(await readFile(long.onnxPath));
    const { graph } = model;
    graph!.input![0]!.name = "input.1";
    graph!.output![0]!.name = "495";
    for (const node of graph!.node!) {
      node.input = node.input!.map((name) => (name === "pixels" ? "input.1" : name));
      node.output = node.output!.map((name) => (name === "embedding" ? "495" : name));
    }
    const file = join(folder, "strange.onnx");
    await writeFile(file, ModelProto.encode(model).finish());
    const half = "0.5,0.5,0.5";
    const quarter = "0.25,0.25,0.25";
    for (const path of [file, long.onnxPath]) {
      const args = ["--name", "added", "--size", "16", "--mean", half, "--std", quarter, "--replace"];
      const { code, stderr, stdout } = await add(path, ...args);
      assert.equal(code, 0, stderr);
      assert.equal(JSON.parse(stdout).dimensions, 24);
      const pixels = Uint8Array.from({ length: 2 * 16 * 16 * 3 }, (_, i) => (i * 7) % 256);
      const [expected, actual] = await Promise.all(
        [unit, await readModel(join(folder, "models"), "added")].map(async (one) =>
          (await openEncoder(one)).embed(pixels, 2),
        ),
      );
      for (const [i, value] of expected!.entries()) assert.ok(Math.abs(value - actual![i]!) < 1e-5);
    }
  });

  it("writes nothing where the encoder cannot be used, and says why", async () => {
    const { onnxPath } = await writeTinyModel(folder, "tiny");
    await writeFile(join(folder, "text.onnx"), "no onnx at all");
    for (const [args, message] of [
      [[join(folder, "text.onnx"), "--name", "bad"], /not an ONNX file/],
      [[onnxPath, "--name", "bad", "--size", "224"], /cannot embed an image of 224×224/],
      [[onnxPath, "--name", "bad", "--size", "16", "--input", "x"], /the model has "pixels"/],
      [[onnxPath, "--name", "../bad", "--size", "16"], /name/],
      [[join(folder, "missing.onnx"), "--name", "bad"], /cannot be read/],
    ] as const) {
      const { code, stderr } = await add(...args);
      assert.equal(code, 1, stderr);
      assert.match(stderr, message);
    }
    await assert.rejects(readModel(join(folder, "models"), "bad"), /There is no model/);
  });
});
