import assert from "node:assert/strict";
import onnxProto from "onnx-proto";
import * as g from "../../../../training/graph/index.ts";

const decode = (outputs: Record<string, g.Tensor>, options?: Parameters<typeof g.serialize>[1]) =>
  onnxProto.onnx.ModelProto.decode(g.serialize(outputs, options)).graph!;

describe("serialize", () => {
  const x = g.input("x", [2, 6]);
  const y = g.add(g.expand(g.reshape(g.reduceSum(x, [1]), [2, 1]), [2, 6]), g.reshape(g.reshape(x, [3, 4]), [2, 6]));

  it("leaves shapes open where asked, each once, with a default for who does not give one", async () => {
    const { input, initializer, node } = decode({ y }, { openShapes: true });
    const shapes = ["shape.2x1", "shape.2x6", "shape.3x4"];
    assert.deepEqual(input!.map(({ name }) => name).sort(), [...shapes, "x"].sort());
    assert.deepEqual(
      initializer!
        .map(({ name }) => name)
        .filter((name) => shapes.includes(name!))
        .sort(),
      shapes,
    );
    for (const { opType, input } of node!) {
      if (opType === "Reshape" || opType === "Expand") assert.ok(shapes.includes(input![1]!), input![1]!);
    }
    assert.deepEqual(
      decode({ y }).input!.map(({ name }) => name),
      ["x"],
    );

    const graph = await g.compile({ y });
    const ramp = Float32Array.from({ length: 12 }, (_, i) => i);
    const sums = [15, 51];
    assert.deepEqual(
      (await graph.run({ x: ramp })).y,
      ramp.map((v, i) => v + sums[Math.floor(i / 6)]!),
    );
    await graph.release();
  });

  it("writes what comes of a node's last input first", () => {
    const names = decode({ y: g.mul(g.exp(x), g.neg(x)) }).node!.map(({ opType }) => opType);
    assert.deepEqual(names, ["Neg", "Exp", "Mul"]);
  });
});
