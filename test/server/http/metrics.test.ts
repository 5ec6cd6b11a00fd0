import assert from "node:assert/strict";
import { png } from "../../../support/pictures.ts";
import { startTestServer } from "../../../support/test-server.ts";

describe("GET /metrics", () => {
  it("counts requests by route, stages, batches, the index and memory", async () => {
    const server = await startTestServer();
    try {
      const { body } = await server.http
        .post("/v1/images")
        .attach("image", await png(1), "a")
        .expect(201);
      await server.http.post("/v1/search").send({ id: body.images[0].id }).expect(200);
      await server.http.get("/secret-path-of-a-client").expect(404);
      const { text, headers } = await server.http.get("/metrics").expect(200);
      assert.match(headers["content-type"]!, /^text\/plain/);
      for (const line of [
        /^moco_search_request_seconds_count\{method="POST",route="\/v1\/images",status="201"\} 1$/m,
        /^moco_search_request_seconds_count\{method="POST",route="\/v1\/search",status="200"\} 1$/m,
        /^moco_search_request_seconds_count\{method="GET",route="none",status="404"\} 1$/m,
        ...["decode", "queue", "encode", "search"].map(
          (stage) => new RegExp(`^moco_search_stage_seconds_count\\{stage="${stage}"\\} 1$`, "m"),
        ),
        /^moco_search_batch_images_count 1$/m,
        /^moco_search_generation 1$/m,
        /^moco_search_images 1$/m,
        /^moco_search_index_size 1$/m,
        /^moco_search_ready 1$/m,
        /^process_resident_memory_bytes \d/m,
      ]) {
        assert.match(text, line);
      }
      assert.ok(!text.includes("secret-path"));
    } finally {
      await server.close();
    }
  });
});
