import assert from "node:assert/strict";
import { keyMomentumAt, learningRateAt, type Schedule } from "../../../training/optimize/schedule.ts";

const near = (actual: number, expected: number) => assert.ok(Math.abs(actual - expected) < 1e-12, `${actual}`);

describe("schedule", () => {
  it("cosine falls from the base rate through its half to 0", () => {
    const cosine: Schedule = { kind: "cosine", warmup: 0 };
    near(learningRateAt(0, 0.06, cosine), 0.06);
    near(learningRateAt(1 / 3, 0.06, cosine), 0.045); // (1 + cos 60°)/2 = 3/4
    near(learningRateAt(0.5, 0.06, cosine), 0.03);
    near(learningRateAt(1, 0.06, cosine), 0);
  });

  it("linear falls in a line from the end of the warm-up to 0", () => {
    const linear: Schedule = { kind: "linear", warmup: 0.2 };
    near(learningRateAt(0.1, 1, linear), 0.5);
    near(learningRateAt(0.2, 1, linear), 1);
    near(learningRateAt(0.4, 1, linear), 0.75);
    near(learningRateAt(1, 1, linear), 0);
  });

  it("step: a tenth from each milestone on, as MoCo v1 at epochs 120 and 160 of 200", () => {
    const step: Schedule = { kind: "step", warmup: 0, milestones: [0.6, 0.8] };
    for (const [epoch, rate] of [
      [0, 0.03],
      [119, 0.03],
      [120, 0.003],
      [159, 0.003],
      [160, 0.0003],
      [199, 0.0003],
    ] as const) {
      near(learningRateAt(epoch / 200, 0.03, step), rate);
    }
  });

  it("the key momentum stays, or rises to 1 by half a cosine", () => {
    near(keyMomentumAt(0.7, 0.99, "constant"), 0.99);
    near(keyMomentumAt(0, 0.99, "cosine"), 0.99);
    near(keyMomentumAt(1 / 3, 0.99, "cosine"), 0.9925); // 1 − (1 + cos 60°)/2 · 0.01
    near(keyMomentumAt(1, 0.99, "cosine"), 1);
  });

  it("warm-up rises in a line to the base rate, where the cosine begins", () => {
    const warm: Schedule = { kind: "cosine", warmup: 0.2 };
    near(learningRateAt(0, 1, warm), 0);
    near(learningRateAt(0.05, 1, warm), 0.25);
    near(learningRateAt(0.2, 1, warm), 1);
    near(learningRateAt(0.6, 1, warm), 0.5);
    near(learningRateAt(1, 1, warm), 0);
    near(learningRateAt(0.1, 1, { kind: "step", warmup: 0.2, milestones: [0.5] }), 0.5);
  });
});
