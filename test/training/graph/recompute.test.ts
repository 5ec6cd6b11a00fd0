import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { values } from "../../../support/gradient-check.ts";
import { temporaryFolder } from "../../../support/temporary-folder.ts";
import * as g from "../../../training/graph/index.ts";

/** A residual block on enough pixels that its activations are worth it; the gradients of its weights. */
function block(recompute: boolean): Record<string, g.Tensor> {
  const x = g.input("x", [4, 16, 33, 33]);
  const weights = [1, 2, 3].map((n) => g.input(`weight${n}`, [16, 16, 3, 3]));
  const [scale, bias] = [g.input("scale", [16]), g.input("bias", [16])];
  const unit = (t: g.Tensor, n: number) =>
    g.batchNorm(g.conv2d(t, weights[n]!, { padding: 1 }), scale, bias, { groups: 2 }).y;
  const first = g.relu(unit(x, 0));
  const y = g.relu(g.add(unit(g.relu(unit(first, 1)), 2), first));
  const loss = g.reduceMean(g.mul(y, y));
  const found = g.gradients(loss, [...weights, scale, bias], { recompute });
  return { loss, ...Object.fromEntries(found.map((gradient, i) => [`gradient${i}`, gradient])) };
}

const feeds = Object.fromEntries(
  g
    .topologicalOrder(Object.values(block(false)))
    .filter(({ op }) => op === "Input")
    .map(({ name, outputs }, i) => [name!, values(g.sizeOf(outputs[0]!.shape), i)]),
);

describe("activations that are computed again", () => {
  /** Values of a block, and how often onnxruntime computed each operator. */
  async function run(recompute: boolean) {
    const { folder, remove } = await temporaryFolder();
    const options = { threads: 1, blocked: () => false, profile: join(folder, "profile") }; // in blocks ReLU has no node
    const graph = await g.compile(block(recompute), options);
    const outputs = await graph.run(feeds);
    await graph.release();
    const [file] = readdirSync(folder);
    const events: Array<{ name: string; args: { op_name: string } }> = JSON.parse(
      readFileSync(join(folder, file!), "utf8"),
    );
    await remove();
    const kernels = events.filter(({ name }) => name.endsWith("_kernel_time"));
    return { outputs, count: (op: string) => kernels.filter(({ args }) => args.op_name === op).length };
  }

  it("give the same gradients, and onnxruntime does compute them twice", async () => {
    const [kept, again] = [await run(false), await run(true)];
    assert.deepEqual(again.outputs, kept.outputs);
    assert.equal(again.count("Relu") - kept.count("Relu"), 3);
    assert.equal(again.count("Conv"), kept.count("Conv"), "what is costly is kept");
  });

  it("leave nothing that the backward pass takes from the forward pass but the results of convolutions", () => {
    const outputs = block(true);
    const forward = new Set(g.topologicalOrder([outputs.loss!]));
    const large = (tensor: g.Tensor) => g.sizeOf(tensor.shape) >= 2 ** 16 && tensor.node.op !== "Input";
    const taken = new Set<string>();
    for (const node of g.topologicalOrder(Object.values(outputs))) {
      if (forward.has(node)) continue;
      for (const input of node.inputs) if (forward.has(input.node) && large(input)) taken.add(input.node.op);
    }
    assert.deepEqual([...taken], ["Reshape"], "to the channels of groups");
  });

  it("leave images as they are, on which no gradient depends", () => {
    const [x, weight] = [g.input("x", [4, 16, 33, 33]), g.input("weight", [16, 16, 1, 1])];
    const view = g.mul(g.sub(x, g.scalar(0.5)), g.scalar(2));
    const loss = g.reduceMean(g.relu(g.conv2d(view, weight)));
    const [gradient] = g.gradients(loss, [weight], { recompute: true });
    const shifts = g.topologicalOrder([gradient!]).filter(({ op }) => op === "Sub");
    assert.equal(shifts.length, 1);
  });

  it("leave small ones as they are", () => {
    const x = g.input("x", [8]);
    const y = g.reduceSum(g.relu(g.mul(g.exp(x), x)));
    assert.equal(
      g.printGraph({ g: g.gradients(y, [x], { recompute: true })[0]! }),
      g.printGraph({ g: g.gradients(y, [x])[0]! }),
    );
  });
});
