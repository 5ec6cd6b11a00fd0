import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { leanest } from "../../../../training/graph/engine/form-race.ts";
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

  /** A question whose forms add a tensor to itself so many times. */
  const sums = (question: string, times: Readonly<Record<string, number>>) => (chooser: g.FormChooser) => {
    const form =
      (count: number): g.Form =>
      (big) =>
        Array.from({ length: count }).reduce<g.Tensor>((sum) => g.add(sum, big!), big!);
    const forms = Object.fromEntries(Object.entries(times).map(([name, count]) => [name, form(count)]));
    return chooser.choose(question, [g.input("big", [2 ** 18])], forms);
  };

  it("takes the fastest form, remembers it, and times nothing the second time", async () => {
    const file = join(folder, "deep", "tuning.json");
    const timed: number[] = [];
    const options = { file, threads: 1, onTiming: (shapes: number) => timed.push(shapes) };
    const choices = await fastestForms(sums("sum", { slow: 40, fast: 1 }), options);
    assert.deepEqual(choices, { "sum fast|slow": "fast" });
    const content = await readFile(file, "utf8");
    const [[machine, answers]] = Object.entries(JSON.parse(content)) as [[string, Record<string, never>]];
    assert.match(machine, /^onnxruntime [\d.]+.*, cpu, .*1 threads$/);
    assert.deepEqual(Object.keys(answers["sum fast|slow"]!), ["form", "graphs"]);

    assert.deepEqual(await fastestForms(sums("sum", { slow: 40, fast: 1 }), options), choices);
    assert.deepEqual(timed, [1]);
    assert.equal(await readFile(file, "utf8"), content);
  });

  it("times all of a graph again where the file is clearly wrong about one form", async () => {
    const file = join(folder, "tuning.json");
    const timed: number[] = [];
    const options = { file, threads: 1, onTiming: (shapes: number) => timed.push(shapes) };
    const other = sums("other", { slow: 40, fast: 1 });
    const graph = (chooser: g.FormChooser) => [
      sums("small", { slow: 40, fast: 1 })(chooser),
      sums("costly", { slow: 80, fast: 1 })(chooser),
    ];
    await fastestForms(other, options);
    const choices = await fastestForms(graph, options);
    const known = JSON.parse(await readFile(file, "utf8"));
    const [machine] = Object.keys(known) as [string];
    for (const name of ["costly", "other"]) {
      known[machine][`${name} fast|slow`].form = "slow";
    }
    await writeFile(file, JSON.stringify(known));

    assert.deepEqual(await fastestForms(graph, options), choices);
    assert.deepEqual(timed, [1, 2, 2]);
    const after = JSON.parse(await readFile(file, "utf8"))[machine];
    assert.equal(after["costly fast|slow"].form, "fast");
    assert.equal(after["other fast|slow"].form, "slow", "a graph that was not asked for");
  });

  it("takes the leaner form where the graph works so little at it that no difference matters", async () => {
    const lean: g.Form = (value) => Array.from({ length: 100 }).reduce<g.Tensor>((sum) => g.add(sum, value!), value!);
    const fast: g.Form = (value) => g.slice(g.concat(Array<g.Tensor>(1000).fill(value!), 0), 0, 0, 1);
    const graph = (chooser: g.FormChooser) => [
      chooser.choose("little", [g.input("value", [1])], { fast, lean }),
      sums("costly", { slow: 40, fast: 1 })(chooser),
    ];
    const choices = await fastestForms(graph, { file: join(folder, "tuning.json"), threads: 1 });
    assert.deepEqual(choices, { "little fast|lean": "lean", "costly fast|slow": "fast" });
  });

  it("takes the form with the least memory where times tie, and the first where memory does too", () => {
    const finalist = (name: string, bytes: number, ratio: number) => ({
      candidate: { name, bytes, margin: bytes < 2 ? 0.05 : 0.02 },
      ratio,
      times: [],
    });
    const named = (...finalists: Array<ReturnType<typeof finalist>>) => leanest(finalists)?.candidate.name;
    assert.equal(named(finalist("a", 9, 1), finalist("b", 5, 1.019), finalist("c", 2, 1.021)), "b");
    assert.equal(named(finalist("a", 9, 1), finalist("lean", 1, 1.04)), "lean", "more of its time is given");
    assert.equal(named(finalist("a", 5, 1.01), finalist("b", 5, 1)), "a");
    assert.equal(named(), undefined);
  });

  it("times a form that is new to a question", async () => {
    const options = { file: join(folder, "tuning.json"), threads: 1 };
    await fastestForms(sums("sum", { slow: 40, slower: 80 }), options);
    const choices = await fastestForms(sums("sum", { slow: 40, slower: 80, fast: 1 }), options);
    assert.deepEqual(choices, { "sum fast|slow|slower": "fast" });
  });

  it("times forms again that are others by the same names", async () => {
    const options = { file: join(folder, "tuning.json"), threads: 1 };
    assert.deepEqual(await fastestForms(sums("sum", { a: 1, b: 40 }), options), { "sum a|b": "a" });
    assert.deepEqual(await fastestForms(sums("sum", { a: 40, b: 1 }), options), { "sum a|b": "b" });
  });

  it("times anew where the file cannot be read or is of an older version, and works where it cannot be written", async () => {
    const file = join(folder, "tuning.json");
    const options = { file, threads: 1 };
    const choices = await fastestForms(build, options);
    assert.equal(Object.keys(choices).length, 3);
    const written = JSON.parse(await readFile(file, "utf8"));
    const [machine] = Object.keys(written) as [string];
    for (const content of ["{ broken", JSON.stringify({ [machine]: choices })]) {
      await writeFile(file, content);
      await fastestForms(build, options);
      const again = JSON.parse(await readFile(file, "utf8"));
      assert.deepEqual(Object.keys(again[machine]), Object.keys(written[machine]));
    }
    const unwritten = await fastestForms(build, { file: join(file, "below-a-file", "tuning.json"), threads: 1 });
    assert.deepEqual(Object.keys(unwritten), Object.keys(choices));
  });

  it("builds the forms that it is told, and the first of each where there is no file", async () => {
    const choices = await fastestForms(build, { file: join(folder, "tuning.json"), threads: 1 });
    const told = Object.fromEntries(
      Object.keys(choices).map((key) => [key, /weight/.test(key) ? "products" : "transposed"]),
    );
    const [dx, dw] = build(chosenForms(told)) as [g.Tensor, g.Tensor];
    assert.match(g.printGraph({ dx }), /ConvTranspose\(/);
    assert.match(g.printGraph({ dw }), /MatMul\(/);

    assert.deepEqual(await fastestForms(build, { file: undefined }), {});
    const printed = (chooser: g.FormChooser) => g.printGraph(Object.fromEntries(build(chooser).entries()));
    assert.equal(printed(chosenForms({})), printed(g.firstForm));
  });
});
