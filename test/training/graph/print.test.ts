import assert from "node:assert/strict";
import {
  add,
  batchNorm,
  conv2d,
  gradients,
  input,
  printGraph,
  reduceSum,
  relu,
} from "../../../training/graph/index.ts";

describe("printGraph", () => {
  it("prints a convolution and its gradient, one node a line", () => {
    const x = input("x", [1, 1, 4, 4]);
    const w = input("w", [2, 1, 3, 3]);
    const y = relu(conv2d(x, w, { padding: 1 }));
    assert.equal(
      printGraph({ y }),
      [
        "%x = Input() : float32[1,1,4,4]",
        "%w = Input() : float32[2,1,3,3]",
        "%2 = Conv(%x, %w) {kernel_shape [3,3], strides [1,1], pads [1,1,1,1], group 1} : float32[1,2,4,4]",
        "%3 = Relu(%2) : float32[1,2,4,4]",
        "y ← %3",
      ].join("\n"),
    );
    const [gradient] = gradients(reduceSum(add(x, x)), [x]);
    assert.match(printGraph({ gradient: gradient! }), /Add\(%\d+, %\d+\) : float32\[1,1,4,4\]\ngradient ← %\d+$/);
  });
});

describe("shape checks when the graph is built", () => {
  const x = input("x", [2, 3, 8, 8]);
  const cases: Array<[string, () => unknown, RegExp]> = [
    ["conv2d, channels", () => conv2d(x, input("w", [8, 4, 3, 3])), /input channels 3 must equal weight channels 4/],
    [
      "conv2d, groups",
      () => conv2d(x, input("w", [8, 1, 3, 3]), { groups: 2 }),
      /groups 2 must divide input channels 3/,
    ],
    ["conv2d, kernel", () => conv2d(x, input("w", [8, 3, 9, 9])), /kernel 9×9 is larger than the padded input 8×8/],
    [
      "batchNorm, groups",
      () => batchNorm(x, input("w", [3]), input("b", [3]), { groups: 4 }),
      /4 groups do not divide a batch of 2/,
    ],
    ["add", () => add(x, input("y", [5])), /\[2,3,8,8\] and \[5\] do not broadcast/],
  ];
  for (const [name, build, message] of cases) it(name, () => assert.throws(build, message));
});
