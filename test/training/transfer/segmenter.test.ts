import assert from "node:assert/strict";
import { checkGradient, values } from "../../../support/gradient-check.ts";
import * as g from "../../../training/graph/index.ts";
import { namedArchitecture } from "../../../training/network/backbone.ts";
import type { ResNetConfig } from "../../../training/network/resnet.ts";
import { evaluationScope, once } from "../../../training/network/scope.ts";
import { pointHead } from "../../../training/transfer/heads.ts";
import { crossEntropyOfLabelled } from "../../../training/transfer/loss.ts";
import { subdivide, trainingPoints } from "../../../training/transfer/points.ts";
import { costOf, equalCost, pointsOf, segmentationLoss, strideOf } from "../../../training/transfer/segmenter.ts";

const ARCHITECTURE: ResNetConfig = {
  block: "basic",
  widths: [48, 96, 384],
  depths: [1, 1, 1],
  stem: { width: 48, kernel: 3, stride: 2, maxPool: false },
};

async function run(outputs: Record<string, g.Tensor>, feeds: g.Values) {
  const graph = await g.compile(outputs, { threads: 1 });
  const results = await graph.run(feeds);
  await graph.release();
  return results as Record<string, Float32Array>;
}

/** Lead of the best of the scores [C, P] of a point over the second. */
function lead(scores: Float32Array, C: number, point: number): number {
  const P = scores.length / C;
  const [first, second] = Array.from({ length: C }, (_, c) => scores[c * P + point]!).sort((a, b) => b - a);
  return first! - second!;
}

describe("cross entropy of what is labelled", () => {
  const LABELS = [0, 2, -1, 1, -1, -1, 2, 0];
  const labels = g.constant(Float32Array.from(LABELS), [2, 4]);

  it("is the mean over labelled points", async () => {
    const scores = values(2 * 3 * 4, 5);
    const { loss } = await run({ loss: crossEntropyOfLabelled(g.input("x", [2, 3, 4]), labels) }, { x: scores });
    const each = LABELS.flatMap((label, i) => {
      if (label < 0) return [];
      const own = [0, 1, 2].map((c) => Math.exp(scores[(Math.floor(i / 4) * 3 + c) * 4 + (i % 4)]!));
      return [-Math.log(own[label]! / own.reduce((a, b) => a + b))];
    });
    assert.ok(Math.abs(loss![0]! - each.reduce((a, b) => a + b) / each.length) < 1e-5);
  });

  it("has its gradient", () => checkGradient([[2, 3, 4]], (x) => crossEntropyOfLabelled(x, labels)));

  it("is 0 where nothing is labelled", async () => {
    const none = g.constant(new Float32Array(4).fill(-1), [1, 4]);
    const { loss } = await run({ loss: crossEntropyOfLabelled(g.input("x", [1, 3, 4]), none) }, { x: values(12, 1) });
    assert.equal(loss![0], 0);
  });
});

describe("points of PointRend", () => {
  it("in training are the least certain of the candidates, and others", async () => {
    const coarse = values(3 * 4 * 4, 2);
    const candidates = values(2 * 12, 3).map((v) => (v + 1.1) / 2.2);
    const points = g.constant(candidates, [1, 12, 2]);
    const others = g.constant(Float32Array.of(0.5, 0.25), [1, 1, 2]);
    const map = g.input("coarse", [1, 3, 4, 4]);
    const chosen = trainingPoints(map, points, others);
    assert.deepEqual(chosen.shape, [1, 5, 2]);
    const out = await run({ chosen, sampled: g.samplePoints(map, points) }, { coarse });
    const order = [...Array(12).keys()].sort((a, b) => lead(out.sampled!, 3, a) - lead(out.sampled!, 3, b));
    const expected = order.slice(0, 4).flatMap((i) => [...candidates.subarray(2 * i, 2 * i + 2)]);
    assert.deepEqual([...out.chosen!], [...expected, 0.5, 0.25]);
  });

  it("in inference are the least certain of each doubling, and only they are scored anew", async () => {
    const coarse = g.input("coarse", [1, 3, 3, 4]);
    const asked: g.Tensor[] = [];
    const refined = subdivide(coarse, { doublings: 1, most: 7 }, (points) => {
      asked.push(points);
      return g.filled([1, 3, points.shape[1]!], 50);
    });
    const out = await run({ refined, plain: g.upsample(coarse, 2), points: asked[0]! }, { coarse: values(36, 4) });
    assert.deepEqual(refined.shape, [1, 3, 6, 8]);
    const anew = [...Array(48).keys()].filter((i) => out.refined![i] === 50);
    const order = [...Array(48).keys()].sort((a, b) => lead(out.plain!, 3, a) - lead(out.plain!, 3, b));
    assert.deepEqual(
      anew,
      order.slice(0, 7).sort((a, b) => a - b),
    );
    const kept = [...Array(48).keys()].filter((i) => !anew.includes(i));
    assert.ok(kept.every((i) => out.refined![i] === out.plain![i]));
    const places = Array.from({ length: 7 }, (_, i) => {
      const [x, y] = out.points!.subarray(2 * i, 2 * i + 2) as unknown as [number, number];
      return Math.floor(y * 6) * 8 + Math.floor(x * 8);
    });
    assert.deepEqual(
      places.sort((a, b) => a - b),
      anew,
      "scored at the centres of those pixels",
    );
  });

  it("the head has its gradient, through fine features and coarse scores", () => {
    const made = new Map<string, g.Tensor>();
    const scope = evaluationScope(({ name, shape }) => {
      const tensor =
        made.get(name) ??
        g.constant(
          values(g.sizeOf(shape), made.size).map((v) => v / 4),
          shape,
        );
      made.set(name, tensor);
      return tensor;
    });
    return checkGradient(
      [
        [2, 4, 5],
        [2, 3, 5],
      ],
      (fine, coarse) => pointHead(fine, coarse, scope),
      { step: 1e-3, tolerance: 2e-2 },
    );
  });

  it("teach the point head alone: all else learns as with the dense head", async () => {
    const small: ResNetConfig = { ...ARCHITECTURE, widths: [4, 4, 8], stem: { ...ARCHITECTURE.stem, width: 4 } };
    const x = g.input("x", [2, 3, 32, 32]);
    const labels = g.input("labels", [2, 32 * 32]);
    const { candidates, others } = pointsOf(32);
    const feeds: Record<string, Float32Array> = {
      x: values(2 * 3 * 32 * 32, 1),
      labels: Float32Array.from({ length: 2 * 32 * 32 }, (_, i) => (i >> 3) % 3),
      candidates: values(2 * candidates * 2, 3).map((v) => (v + 1.1) / 2.2),
      others: values(2 * others * 2, 4).map((v) => (v + 1.1) / 2.2),
    };
    const gradientsWith = async (head: "dense" | "points") => {
      const weights: g.Tensor[] = [];
      const names: string[] = [];
      const scope = evaluationScope(
        once(({ name, shape }) => {
          feeds[name] ??= values(g.sizeOf(shape), names.length).map((v) => 0.5 + v / 4);
          names.push(name);
          weights.push(g.input(name, shape));
          return weights.at(-1)!;
        }),
      );
      const loss = segmentationLoss(x, labels, scope, { architecture: small, classes: 3, width: 16, head });
      const learnt = names.flatMap((name, i) => (name.endsWith("weight") ? [{ name, tensor: weights[i]! }] : []));
      const found = g.gradients(
        loss,
        learnt.map(({ tensor }) => tensor),
      );
      return run(Object.fromEntries(learnt.map(({ name }, i) => [`of ${name}`, found[i]!])), feeds);
    };
    const [dense, points] = [await gradientsWith("dense"), await gradientsWith("points")];
    const ofPoints = Object.keys(points).filter((name) => !(name in dense));
    assert.ok(ofPoints.length > 0 && ofPoints.every((name) => points[name]!.some((v) => v !== 0)));
    for (const [name, expected] of Object.entries(dense)) {
      for (const [i, v] of expected.entries()) assert.ok(Math.abs(points[name]![i]! - v) < 1e-5, `${name}[${i}]`);
    }
  });
});

describe("the cost of heads", () => {
  const size = { height: 184, width: 240 };

  it("with points is that of the dense head, and at most a tenth less", () => {
    const [dense, points] = (["dense", "points"] as const).map((head) =>
      costOf(equalCost(ARCHITECTURE, 11, head, size), size),
    );
    assert.equal(points!.encoder, dense!.encoder);
    assert.ok(points!.head <= dense!.head && points!.head > 0.9 * dense!.head, `${points!.head} of ${dense!.head}`);
  });

  it("counts by hand: the dense head at 23 × 30 places", () => {
    const { head } = costOf(equalCost(ARCHITECTURE, 11, "dense", size), size);
    const places = 23 * 30 * (9 * 384 * 128 + 9 * 128 * 128 + 128 * 11);
    assert.equal(head, places + 4 * 11 * 184 * 240);
  });

  it("the stride is how many pixels one place of the last map has", () => {
    assert.equal(strideOf(ARCHITECTURE), 8);
    assert.equal(strideOf(namedArchitecture("resnet50", 224)), 32);
  });
});
