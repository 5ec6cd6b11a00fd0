import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import onnxProto, { type onnx } from "onnx-proto";
import { openEncoder } from "../../../core/encoder-session.ts";
import { readModel } from "../../../core/model-folder.ts";
import { runCliHere } from "../../../support/run-cli.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import { node, valueInfo, writeTinyModel } from "../../../support/tiny-model.ts";

const { ModelProto } = onnxProto.onnx;

describe("moco-search add", () => {
  let folder: string;
  let remove: () => Promise<void>;
  before(async () => {
    ({ folder, remove } = await temporaryFolder());
  });
  after(() => remove());
  const add = (...args: string[]) => runCliHere(["add", ...args, "--models", join(folder, "models"), "--json"]);

  /** A copy of a model whose graph is changed. */
  const changed = async (onnxPath: string, change: (graph: onnx.IGraphProto) => void) => {
    const model = ModelProto.decode(await readFile(onnxPath));
    change(model.graph!);
    const file = join(folder, `changed-${files++}.onnx`);
    await writeFile(file, ModelProto.encode(model).finish());
    return file;
  };
  let files = 0;

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

  it("takes the size that the file says, and refuses another", async () => {
    const { onnxPath } = await writeTinyModel(folder, "sized", { size: 24 });
    const fixed = await changed(onnxPath, ({ input }) => {
      input![0]!.type!.tensorType!.shape!.dim = [{ dimParam: "N" }, ...[3, 24, 24].map((dimValue) => ({ dimValue }))];
    });
    const { stdout, stderr } = await add(fixed, "--name", "sized-24");
    const { width, height } = JSON.parse(stdout || assert.fail(stderr)).input;
    assert.deepEqual([width, height], [24, 24]);
    const other = await add(fixed, "--name", "sized-48", "--size", "48");
    assert.match(other.stderr, /Expected images of 24×24 pixels.*--size says 48×48/);
  });

  it("gives the graphs inside a graph its own input, whatever that is called", async () => {
    const { onnxPath } = await writeTinyModel(folder, "branches", { size: 16 });
    // Colours last, turned in both branches of a condition; the nodes after it are as they were.
    const branch = (name: string): onnx.IGraphProto => ({
      name,
      node: [node("Transpose", ["pixels"], name, [{ name: "perm", type: 7, ints: [0, 3, 1, 2] }])],
      output: [valueInfo(name, ["N", 3, 16, 16])],
    });
    const file = await changed(onnxPath, (graph) => {
      graph.input = [valueInfo("pixels", ["N", 16, 16, 3])];
      for (const one of graph.node!) one.input = one.input!.map((name) => (name === "pixels" ? "turned" : name));
      graph.initializer!.push({ name: "condition", dims: [], dataType: 9, rawData: Uint8Array.of(1) });
      const branches = ["then", "else"].map((name) => ({ name: `${name}_branch`, type: 5, g: branch(name) }));
      graph.node!.unshift(node("If", ["condition"], "turned", branches));
    });
    const { stderr, code } = await add(file, "--name", "branched", "--mean", "0.5,0.5,0.5", "--std", "0.25,0.25,0.25");
    assert.equal(code, 0, stderr);
    const pixels = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * 7) % 256);
    const [expected, actual] = await Promise.all(
      [await readModel(folder, "branches"), await readModel(join(folder, "models"), "branched")].map(async (one) =>
        (await openEncoder(one)).embed(pixels, 1),
      ),
    );
    for (const [i, value] of expected!.entries()) assert.ok(Math.abs(value - actual![i]!) < 1e-5);
  });

  it("pools a feature map where it is told to, and takes float16", async () => {
    const { onnxPath } = await writeTinyModel(folder, "map", { size: 16 });
    // The pixels themselves as a feature map [N, 3, 16, 16], and the same in float16.
    const map = (to?: number) =>
      changed(onnxPath, (graph) => {
        graph.node = [
          to
            ? { opType: "Cast", input: ["pixels"], output: ["map"], attribute: [{ name: "to", type: 2, i: to }] }
            : { opType: "Identity", input: ["pixels"], output: ["map"] },
        ];
        graph.output = [{ name: "map", type: { tensorType: { elemType: to ?? 1 } } }];
      });
    const refused = await add(await map(), "--name", "map-16", "--size", "16");
    assert.match(refused.stderr, /feature map, \[N, 3, 16, 16\].*--pool mean/);
    for (const file of [await map(), await map(10)]) {
      const { stdout, stderr } = await add(file, "--name", "pooled", "--size", "16", "--pool", "mean", "--replace");
      assert.equal(JSON.parse(stdout || assert.fail(stderr)).dimensions, 3);
    }
    assert.match((await add(await map(7), "--name", "int")).stderr, /float32 or float16 but it is int64/);
  });

  it("writes nothing where the encoder cannot be used, and says why", async () => {
    const { onnxPath } = await writeTinyModel(folder, "tiny");
    await writeFile(join(folder, "text.onnx"), "no onnx at all");
    const damaged = await changed(onnxPath, ({ initializer, node: nodes }) => {
      initializer!.push({ name: "half", dims: [], dataType: 1, rawData: Uint8Array.of(1, 2, 3) });
      for (const one of nodes!) one.input = one.input!.map((name) => (name === "pixels" ? "halved" : name));
      nodes!.unshift(node("Mul", ["pixels", "half"], "halved"));
    });
    for (const [args, message] of [
      [[join(folder, "text.onnx"), "--name", "bad"], /not an ONNX file/],
      [[damaged, "--name", "bad"], /"bad" cannot be loaded/],
      [
        [onnxPath, "--name", "bad", "--size", "224"],
        /16×16 pixels, which the input "pixels" is fixed to, but --size says 224×224/,
      ],
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
