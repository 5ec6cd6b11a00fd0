import assert from "node:assert/strict";
import * as g from "../../../training/graph/index.ts";
import { backbone, namedArchitecture } from "../../../training/network/backbone.ts";
import { evaluationScope } from "../../../training/network/scope.ts";

describe("multiplications", () => {
  it("of ResNet-50 at 224 pixels are those that are published", () => {
    const scope = evaluationScope(({ name, shape }) => g.input(name, shape));
    const features = backbone(g.input("x", [1, 3, 224, 224]), scope, namedArchitecture("resnet50", 224));
    const count = g.multiplications([features]) + 2048 * 1000; // and the classifier
    assert.equal(Math.round(count / 1e6), 4089); // torchvision says 4.09 GFLOPS of 25.56 M parameters
  });

  it("of products and of what is interpolated", () => {
    const [a, b] = [g.input("a", [3, 4]), g.input("b", [4, 5])];
    const product = g.matmul(a, b);
    assert.equal(g.multiplications([product]), 3 * 4 * 5);
    assert.equal(g.multiplications([g.gemm(b, a, { transA: true, transB: true })]), 5 * 4 * 3);
    assert.equal(g.multiplications([g.relu(product), product]), 3 * 4 * 5, "a node counts once");
    const map = g.input("map", [1, 2, 3, 3]);
    assert.equal(g.multiplications([g.upsample(map, 2)]), 4 * 2 * 36);
    const points = g.input("points", [1, 7, 2]);
    assert.equal(g.multiplications([g.samplePoints(map, points)]), 4 * 2 * 7);
  });

  it("of a grouped convolution and its input gradient", () => {
    const x = g.input("x", [2, 8, 6, 6]);
    const weight = g.input("weight", [16, 4, 3, 3]);
    const y = g.conv2d(x, weight, { padding: 1, groups: 2 });
    assert.equal(g.multiplications([y]), 2 * 16 * 36 * (4 * 9));
  });
});
