import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chosenForms, fastestForms } from "../../../../training/graph/engine/tune.ts";
import * as g from "../../../../training/graph/index.ts";

describe("tuning", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tune-"));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const x = g.input("x", [2, 16, 6, 6]);
  const weight = g.input("w", [16, 16, 3, 3]);
  const build = (chooser: g.FormChooser) =>
    g.gradients(g.reduceSum(g.conv2d(x, weight, { stride: 2, padding: 1, chooser })), [x, weight]);

  it("asks once: what the file says is taken as it is", async () => {
    const file = join(folder, "deep", "tuning.json");
    await fastestForms(build, { file, threads: 1 });
    const [machine, choices] = Object.entries(JSON.parse(await readFile(file, "utf8")))[0] as [string, object];
    assert.match(machine, /^onnxruntime [\d.]+.*, cpu, .*1 threads$/);
    assert.equal(Object.keys(choices).length, 2);

    const told = Object.fromEntries(
      Object.keys(choices).map((key) => [key, /weight/.test(key) ? "products" : "transposed"]),
    );
    await writeFile(file, JSON.stringify({ [machine]: told }));
    const [dx, dw] = build(chosenForms(await fastestForms(build, { file, threads: 1 }))) as [g.Tensor, g.Tensor];
    assert.match(g.printGraph({ dx }), /ConvTranspose\(/);
    assert.match(g.printGraph({ dw }), /MatMul\(/);
  });

  it("times anew where the file cannot be read, and works where it cannot be written", async () => {
    const file = join(folder, "tuning.json");
    await writeFile(file, "{ broken");
    await fastestForms(build, { file, threads: 1 });
    assert.equal(Object.keys(JSON.parse(await readFile(file, "utf8"))).length, 1);
    const choices = await fastestForms(build, { file: join(file, "below-a-file", "tuning.json"), threads: 1 });
    assert.equal(Object.keys(choices).length, 2);
  });

  it("says how many shapes it times, none the second time, and takes the first form of each where there is no file", async () => {
    const timed: number[] = [];
    const options = { file: join(folder, "tuning.json"), threads: 1, onTiming: (shapes: number) => timed.push(shapes) };
    const choices = await fastestForms(build, options);
    assert.deepEqual(await fastestForms(build, options), choices);
    assert.deepEqual(timed, [2]);

    assert.deepEqual(await fastestForms(build, { ...options, file: undefined }), {});
    const printed = (chooser: g.FormChooser) => g.printGraph(Object.fromEntries(build(chooser).entries()));
    assert.equal(printed(chosenForms({})), printed(g.firstForm));
  });
});
