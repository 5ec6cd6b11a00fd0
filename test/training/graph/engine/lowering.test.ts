import assert from "node:assert/strict";
import fc from "fast-check";
import { InferenceSession, Tensor } from "../../../../core/onnxruntime.ts";
import { values } from "../../../../support/gradient-check.ts";
import { fuseTransposes } from "../../../../training/graph/engine/fused-products.ts";
import { lengthenLoops } from "../../../../training/graph/engine/inner-loops.ts";
import { serialize } from "../../../../training/graph/engine/serialize.ts";
import * as g from "../../../../training/graph/index.ts";

/** Runs the outputs as they are: `compile` would lower them. */
async function run(outputs: Readonly<Record<string, g.Tensor>>, inputs: readonly g.Tensor[]) {
  const session = await InferenceSession.create(serialize(outputs), { graphOptimizationLevel: "disabled" });
  const feeds = inputs.map((x, i) => [x.node.name!, new Tensor("float32", values(g.sizeOf(x.shape), i + 1), x.shape)]);
  const results = await session.run(Object.fromEntries(feeds));
  await session.release();
  return results as Record<string, Tensor>;
}

/** The same shapes, and the same values up to rounding. */
async function assertSame(
  lower: (outputs: Readonly<Record<string, g.Tensor>>) => Record<string, g.Tensor>,
  y: g.Tensor,
  inputs: readonly g.Tensor[],
) {
  const { y: lowered } = lower({ y });
  assert.deepEqual(lowered!.shape, y.shape);
  const { plain, other } = (await run({ plain: y, other: lowered! }, inputs)) as Record<"plain" | "other", Tensor>;
  assert.deepEqual(other.dims, plain.dims);
  const [expected, actual] = [plain.data, other.data] as [Float32Array, Float32Array];
  for (const [i, value] of expected.entries())
    assert.ok(Math.abs(value - actual[i]!) <= 1e-5 * Math.max(1, Math.abs(value)));
  return g.printGraph({ y: lowered! });
}

describe("longer inner loops", () => {
  const operators = { add: g.add, sub: g.sub, mul: g.mul, div: g.div };
  const size = fc.integer({ min: 1, max: 5 });

  it("give what shorter ones give, for any shapes that broadcast", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ size, a: fc.boolean(), b: fc.boolean() }), { minLength: 1, maxLength: 5 }),
        fc.constantFrom(...(Object.keys(operators) as Array<keyof typeof operators>)),
        fc.nat(2),
        async (axes, name, fewer) => {
          const a = g.input(
            "a",
            axes.map(({ size, a }) => (a ? size : 1)),
          );
          const b = g.input("b", axes.map(({ size, b }) => (b ? size : 1)).slice(Math.min(fewer, axes.length)));
          await assertSame(lengthenLoops, operators[name](a, b), [a, b]);
          await assertSame(lengthenLoops, operators[name](b, a), [a, b]);
        },
      ),
      { numRuns: 60, seed: 2026 },
    ));

  it("repeat many numbers over trailing dimensions by a product, and others as they are", async () => {
    const repeated = async (from: number[], to: number[]) => {
      const x = g.input("x", from);
      return assertSame(lengthenLoops, g.relu(g.expand(x, to)), [x]);
    };
    assert.match(await repeated([32, 128, 1, 1], [32, 128, 4, 4]), /= Gemm\(/);
    assert.match(await repeated([64, 1], [64, 1025]), /= Gemm\(/);
    assert.match(await repeated([1, 1], [64, 1025]), /= Gemm\(/);
    assert.match(await repeated([1, 128, 1, 1], [32, 128, 4, 4]), /= Expand\(/);
    assert.match(await repeated([64, 1], [2, 64, 1025]), /= Expand\(/);
    assert.match(await repeated([4, 1], [4, 4]), /= Expand\(/);
  });

  it("sum what shorter ones sum, over any axes", () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ size, summed: fc.boolean() }), { minLength: 1, maxLength: 5 }),
        fc.boolean(),
        fc.constantFrom(g.reduceSum, g.reduceMean),
        async (axes, keepDims, reduce) => {
          const x = g.input(
            "x",
            axes.map(({ size }) => size),
          );
          const over = axes.flatMap(({ summed }, i) => (summed ? [i] : []));
          await assertSame(lengthenLoops, reduce(x, over, { keepDims }), [x]);
        },
      ),
      { numRuns: 60, seed: 2026 },
    ));

  it("are made where a channel has few pixels, and nowhere else", async () => {
    const scale = g.input("scale", [1, 32, 1, 1]);
    const few = g.input("x", [8, 32, 2, 2]);
    assert.match(await assertSame(lengthenLoops, g.mul(few, scale), [few, scale]), /Mul\(.*float32\[8,128\]/);
    assert.match(await assertSame(lengthenLoops, g.reduceSum(few, [0, 2, 3]), [few]), /ReduceSum\(.*float32\[128\]/);
    const many = g.input("x", [8, 32, 8, 8]);
    for (const y of [g.mul(many, scale), g.reduceSum(many, [0, 2, 3]), g.mul(few, few), g.mul(few, g.scalar(2))])
      assert.equal(lengthenLoops({ y }).y, y);
  });

  it("take a scalar to all of a tensor that ends in ones", async () => {
    const x = g.input("x", [16, 8, 1, 1]);
    assert.match(await assertSame(lengthenLoops, g.mul(g.scalar(2), x), [x]), /Mul\(.*float32\[128\]/);
  });
});

describe("transposes inside of products", () => {
  const a = g.input("a", [2, 3, 4]);
  const b = g.input("b", [2, 5, 4]);
  const swap = (x: g.Tensor) => g.transpose(x, [0, 2, 1]);

  it("give what transposes before them give, of either operand or both", async () => {
    const c = g.input("c", [2, 3, 5]);
    for (const [y, inputs] of [
      [g.matmul(a, swap(b)), [a, b]],
      [g.matmul(swap(a), c), [a, c]],
      [g.matmul(swap(c), swap(g.input("d", [2, 6, 3]))), [c, g.input("d", [2, 6, 3])]],
    ] as const) {
      const text = await assertSame(fuseTransposes, y, inputs);
      assert.match(text, /FusedMatMul/);
      assert.doesNotMatch(text, /Transpose\(/);
    }
  });

  it("leave other transposes alone", () => {
    const y = g.matmul(a, g.transpose(g.input("e", [4, 2, 5]), [1, 0, 2]));
    assert.equal(fuseTransposes({ y }).y, y);
  });
});
