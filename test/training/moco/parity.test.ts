import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../../core/paths.ts";
import { decodeSafetensors, encodeSafetensors } from "../../../training/data/safetensors.ts";
import type { FormChooser } from "../../../training/graph/index.ts";
import { replay } from "../../../training/moco/parity/replay.ts";
import { initialValues } from "../../../training/network/initialise.ts";

const fixture = (name: string) => readFileSync(join(packageRoot(), "test", "fixtures", `${name}.safetensors`));

describe("parity with PyTorch", () => {
  // v1: linear head. v2: MLP, 4 BN groups. The last: grouped bottlenecks in 3 stages, 11×11 pixels, AdamW, m = 0, and a
  // queue that begins again after 3 steps.
  for (const name of ["moco-v1", "moco-v2-split-bn", "bottleneck-adamw"]) {
    it(`replays five steps of ${name} within tolerance`, async () => {
      const report = await replay(fixture(name));
      assert.ok(report.passed, JSON.stringify(report));
    });

    // "flipped" comes first wherever it is, as "operator" does: with either one the same forms are taken.
    for (const form of ["winograd", "operator", "transposed", "products", "convolution"]) {
      it(`replays ${name} with the form "${form}" wherever there is one`, async () => {
        const chooser: FormChooser = {
          choose: (_, operands, forms) => (forms[form] ?? Object.values(forms)[0]!)(...operands),
        };
        const report = await replay(fixture(name), { chooser });
        assert.ok(report.passed, JSON.stringify(report));
      });
    }
  }

  // Bottlenecks with LARS; a transformer with fixed patches and AdamW. Both with m on its way to 1.
  for (const name of ["moco-v3-resnet", "moco-v3-vit"]) {
    it(`replays ${name} within tolerance`, async () => {
      const report = await replay(fixture(name));
      assert.ok(report.passed, JSON.stringify(report));
      assert.deepEqual([report.queue, report.batchLogits !== undefined], [undefined, true]);
    });
  }

  it("does not pass where m of MoCo v3 does not change", async () => {
    const { tensors, metadata } = decodeSafetensors(fixture("moco-v3-resnet"));
    const run = JSON.stringify({ ...JSON.parse(metadata.run!), key_momentum_schedule: "constant" });
    const report = await replay(encodeSafetensors({ tensors, metadata: { run } }));
    assert.equal(report.passed, false);
  });

  it("begins a transformer's positions as the authors do", () => {
    const { tensors } = decodeSafetensors(fixture("moco-v3-vit"));
    const { shape, data } = tensors.get("q.pos_embed")!;
    const draw = { normal: () => 0, uniform: () => 0 };
    const ours = initialValues({ name: "pos_embed", shape, init: "sin-cos", kind: "fixed" }, draw);
    assert.ok(ours.every((value, i) => Math.abs(value - Number(data[i])) < 1e-6));
  });

  it("does not pass where the reference is another", async () => {
    const { tensors, metadata } = decodeSafetensors(fixture("bottleneck-adamw"));
    const changed = JSON.stringify({ ...JSON.parse(metadata.run!), key_momentum: 0.9 });
    const report = await replay(encodeSafetensors({ tensors, metadata: { run: changed } }));
    assert.equal(report.passed, false);
    assert.ok(report.keyParameters!.absolute > 1e-3);
  });

  it("names what a file lacks", async () => {
    const { tensors, metadata } = decodeSafetensors(fixture("bottleneck-adamw"));
    const { batch: _, ...rest } = JSON.parse(metadata.run!) as Record<string, unknown>;
    await assert.rejects(replay(encodeSafetensors({ tensors, metadata: { run: JSON.stringify(rest) } })), {
      code: "invalid_checkpoint",
      message: /batch/,
    });
    const without = new Map([...tensors].filter(([name]) => name !== "x_k.3"));
    await assert.rejects(replay(encodeSafetensors({ tensors: without, metadata })), {
      code: "invalid_checkpoint",
      message: /x_k\.3/,
    });
  });
});
