import assert from "node:assert/strict";
import fc from "fast-check";
import { checkGradient } from "../../../support/gradient-check.ts";
import * as g from "../../../training/graph/index.ts";

const positive = (v: number) => Math.abs(v) + 0.5;
const size = (max: number) => fc.integer({ min: 1, max });
const runs = { numRuns: 8, seed: 2026, endOnFailure: true };

describe("gradients against finite differences", () => {
  const pairs: Array<[string, (a: g.Tensor, b: g.Tensor) => g.Tensor]> = [
    ["add", g.add],
    ["sub", g.sub],
    ["mul", g.mul],
    ["div", g.div],
  ];
  for (const [name, op] of pairs) {
    it(`${name}, with broadcasting`, () =>
      fc.assert(
        fc.asyncProperty(
          fc.array(size(4), { minLength: 1, maxLength: 4 }),
          fc.nat(15),
          fc.nat(15),
          async (shape, ma, mb) => {
            const shrink = (mask: number) => shape.map((v, i) => ((mask >> i) & 1 ? 1 : v));
            await checkGradient([shrink(ma), shrink(mb)], op, { transform: positive });
          },
        ),
        runs,
      ));
  }

  const singles: Array<[string, (x: g.Tensor) => g.Tensor]> = [
    ["neg", g.neg],
    ["exp", g.exp],
    ["log", g.log],
    ["sqrt", g.sqrt],
    ["sigmoid", g.sigmoid],
    ["erf", (x) => g.erf(g.sub(x, g.scalar(1)))],
    ["gelu", (x) => g.gelu(g.sub(x, g.scalar(1)))],
    ["softmax", g.softmax],
    ["reshapeItems", (x) => g.reshapeItems(x, [2, 6])],
    ["relu", (x) => g.relu(g.sub(x, g.scalar(1)))],
    ["reduceSum", (x) => g.reduceSum(x, [1])],
    ["reduceMean", (x) => g.reduceMean(x, [0, 2], { keepDims: true })],
    ["expand", (x) => g.expand(g.reduceSum(x, [1], { keepDims: true }), x.shape)],
    ["reshape", (x) => g.reshape(x, [-1])],
    ["transpose", (x) => g.transpose(x, [2, 0, 1])],
    ["concat", (x) => g.concat([x, g.mul(x, x)], 1)],
    ["slice", (x) => g.slice(x, 1, 1, 3)],
    ["pad", (x) => g.pad(x, [0, 1, 2], [1, 0, 1])],
    ["l2Normalise", (x) => g.l2Normalise(g.reshape(x, [2, -1]))],
    ["logSumExp", (x) => g.logSumExp(g.reshape(x, [2, -1]))],
    ["crossEntropyWithLabel0", (x) => g.crossEntropyWithLabel0(g.reshape(x, [6, -1]))],
    [
      "crossEntropy",
      (x) =>
        g.crossEntropy(
          g.reshape(x, [6, 4]),
          g.constant(
            Float32Array.from({ length: 24 }, (_, i) => +(i % 5 === 1)),
            [6, 4],
          ),
        ),
    ],
  ];
  for (const [name, op] of singles) {
    it(name, () => checkGradient([[2, 3, 4]], op, { transform: (v) => positive(v) + (v > 0 ? 0.5 : 0) }));
  }

  it("layerNorm", () =>
    checkGradient([[2, 3, 4], [4], [4]], (x, weight, bias) => g.layerNorm(x, weight, bias, 1e-6), {
      transform: (v) => 3 * v,
    }));

  it("a tensor used twice gets both gradients", () => checkGradient([[3]], (x) => g.mul(g.mul(x, x), g.exp(x))));

  it("matmul, with batches", () =>
    fc.assert(
      fc.asyncProperty(size(4), size(5), size(4), size(3), async (m, p, n, batch) => {
        await checkGradient(
          [
            [batch, m, p],
            [p, n],
          ],
          g.matmul,
          { step: 0.2 },
        );
        await checkGradient(
          [
            [2, batch, m, p],
            [2, 1, p, n],
          ],
          g.matmul,
          { step: 0.2 },
        );
      }),
      runs,
    ));

  it("gemm, each way of transposing", async () => {
    for (const transA of [false, true]) {
      for (const transB of [false, true]) {
        const a = transA ? [5, 3] : [3, 5];
        const b = transB ? [4, 5] : [5, 4];
        await checkGradient([a, b], (x, y) => g.gemm(x, y, { transA, transB }), { step: 0.2 });
      }
    }
  });

  it("linear", () =>
    fc.assert(
      fc.asyncProperty(size(5), size(6), size(4), async (b, i, o) => {
        await checkGradient([[b, i], [o, i], [o]], g.linear, { step: 0.2 });
      }),
      runs,
    ));

  const convShapes = fc.record({
    n: size(3),
    groups: fc.constantFrom(1, 2, 3),
    ci: size(3),
    co: size(3),
    kernel: fc.constantFrom(1, 2, 3, 5),
    stride: fc.constantFrom(1, 2, 3),
    padding: fc.constantFrom(0, 1, 2),
    extra: fc.nat(4),
    wider: fc.nat(2),
  });
  for (const [index, form] of ["first", "second", "third"].entries()) {
    const choose: g.FormChooser["choose"] = (_, operands, forms) => {
      const built = Object.values(forms);
      return built[Math.min(index, built.length - 1)]!(...operands);
    };
    it(`conv2d, ${form} form of each gradient`, () =>
      fc.assert(
        fc.asyncProperty(convShapes, async ({ n, groups, ci, co, kernel, stride, padding, extra, wider }) => {
          const h = Math.max(1, kernel - 2 * padding) + extra;
          await checkGradient(
            [[n, ci * groups, h, h + wider], [co * groups, ci, kernel, kernel], [co * groups]],
            (x, w, b) => g.conv2d(x, w, { stride, padding, groups, chooser: { choose } }, b),
            { step: 0.2 },
          );
        }),
        { ...runs, numRuns: 25 },
      ));
  }

  it("batchNorm, for any number of groups", () =>
    fc.assert(
      fc.asyncProperty(fc.constantFrom(1, 2, 3), size(3), size(3), size(3), async (groups, perGroup, c, h) => {
        const n = groups * (perGroup + 1);
        await checkGradient(
          [[n, c, h, h + 1], [c], [c]],
          (x, weight, bias) => g.batchNorm(x, weight, bias, { groups }).y,
          { tolerance: 1e-2, step: 3e-3 },
        );
      }),
      runs,
    ));

  it("pooling", () =>
    fc.assert(
      fc.asyncProperty(
        size(2),
        size(3),
        fc.constantFrom(2, 3),
        fc.constantFrom(1, 2, 3),
        fc.nat(3),
        async (n, c, k, s, e) => {
          const h = k + e;
          await checkGradient([[n, c, h, h]], (x) => g.averagePool2d(x, { kernel: k, stride: s }), { step: 0.2 });
          await checkGradient([[n, c, h, h]], (x) => g.maxPool2d(x, { kernel: k, stride: s, padding: 1 }), {
            step: 1e-4,
            tolerance: 3e-2,
          });
          await checkGradient([[n, c, h, h]], g.globalAveragePool, { step: 0.2 });
        },
      ),
      runs,
    ));

  it("the check itself finds a wrong rule", async () => {
    const wrong = (x: g.Tensor) => g.apply("Exp", [x], { shape: x.shape, gradient: ([d]) => [g.mul(d!, x)] });
    await assert.rejects(checkGradient([[4]], wrong), /gradient says/);
  });

  it("no gradient flows through stopGradient", async () => {
    const x = g.input("x", [2]);
    const [gradient] = g.gradients(g.reduceSum(g.mul(x, g.stopGradient(g.mul(x, x)))), [x]);
    const graph = await g.compile({ gradient: gradient! });
    assert.deepEqual([...(await graph.run({ x: Float32Array.of(2, 3) })).gradient!], [4, 9]);
    await graph.release();
  });

  it("an operator without a rule names itself", () => {
    const x = g.input("x", [2]);
    assert.throws(
      () => g.gradients(g.reduceSum(g.clip(x, g.scalar(0), g.scalar(1))), [x]),
      /Clip has no gradient rule/,
    );
  });

  it("a tensor that the loss does not depend on is named", () => {
    const x = g.input("x", [2]);
    const y = g.input("y", [2]);
    assert.throws(() => g.gradients(g.reduceSum(x), [y]), /does not depend on y/);
  });
});
