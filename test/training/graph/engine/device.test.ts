import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { siblingModule } from "../../../../core/paths.ts";
import { loaderFlags } from "../../../../core/processes.ts";
import { type TrainingSteps, trainingSteps } from "../../../../support/training-steps.ts";
import { findDevice } from "../../../../training/graph/engine/device.ts";

// SwiftShader, a GPU in software, and the Vulkan loader come with Debian's chromium.
const CHROMIUM = "/usr/lib/chromium";
const SWIFTSHADER = `${CHROMIUM}/vk_swiftshader_icd.json`;

describe("device", () => {
  const webGpu = async () => {
    const program = siblingModule(import.meta.url, "../../../../support/training-steps");
    const flags = [...loaderFlags(program), fileURLToPath(program), "webgpu"];
    const { stdout } = await promisify(execFile)(process.execPath, flags, {
      env: { ...process.env, VK_ICD_FILENAMES: SWIFTSHADER, LD_LIBRARY_PATH: CHROMIUM },
    });
    const theirs = JSON.parse(stdout) as TrainingSteps;
    const ours = await trainingSteps("cpu");
    const furthest = (a: number[], b: number[]) => Math.max(...a.map((v, i) => Math.abs(v - b[i]!)));
    assert.ok(furthest(ours.losses, theirs.losses) < 1e-4, `${ours.losses} on cpu, ${theirs.losses} on webgpu`);
    assert.ok(furthest(ours.weights, theirs.weights) < 1e-4, `${furthest(ours.weights, theirs.weights)}`);
  };
  if (existsSync(SWIFTSHADER)) it("WebGPU trains as the processor does", webGpu);

  it("a device that is not there is refused with what it needs, never replaced silently", async () => {
    const missing = process.platform === "darwin" ? "dml" : "coreml";
    await assert.rejects(findDevice(missing), {
      code: "device_unavailable",
      message: new RegExp(`device "${missing}".*It needs .*--device cpu`),
    });
  });

  it("cpu is always there, auto always finds one", async () => {
    assert.equal(await findDevice("cpu"), "cpu");
    assert.ok(await findDevice("auto"));
  });
});
