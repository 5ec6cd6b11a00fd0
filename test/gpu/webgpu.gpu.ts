// The real server on the WebGPU provider, by default on SwiftShader, the software Vulkan of Debian's chromium.
// The libraries are found through the environment, which a process must have from its start: see `npm run test:webgpu`.
import assert from "node:assert/strict";
import { png } from "../../support/pictures.ts";
import { startTestServer } from "../../support/test-server.ts";

describe("the WebGPU provider", function () {
  this.timeout(120_000);

  it("embeds as the CPU does, to 1e-3", async () => {
    const embed = async (device: "cpu" | "webgpu") => {
      const server = await startTestServer({ device });
      try {
        const post = server.http.post("/v1/embeddings");
        for (let seed = 0; seed < 5; seed++) post.attach("image", await png(seed), "a.png");
        return (await post.expect(200)).body.embeddings as number[][];
      } finally {
        await server.close();
      }
    };
    const [cpu, webgpu] = [await embed("cpu"), await embed("webgpu")];
    for (const [i, row] of cpu.entries()) {
      for (const [j, value] of row.entries()) assert.ok(Math.abs(value - webgpu[i]![j]!) < 1e-3);
    }
  });
});
