import assert from "node:assert/strict";
import { png } from "../../support/pictures.ts";
import { startTestServer } from "../../support/test-server.ts";

describe("--device", () => {
  it("auto serves, on whatever there is", async () => {
    const server = await startTestServer({ device: "auto" });
    try {
      await server.http
        .post("/v1/embeddings")
        .attach("image", await png(1), "a")
        .expect(200);
    } finally {
      await server.close();
    }
  });

  const elsewhere = process.platform === "linux" ? "coreml" : "cuda";
  it(`${elsewhere} is refused where it does not exist, instead of computing on the CPU`, async () => {
    await assert.rejects(startTestServer({ device: elsewhere }), /does not exist on this system/);
  });
});
