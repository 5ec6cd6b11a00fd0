import assert from "node:assert/strict";
import { findDevice } from "../../../../training/graph/engine/device.ts";

describe("device", () => {
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
