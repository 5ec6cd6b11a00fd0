import assert from "node:assert/strict";
import express from "express";
import request from "supertest";
import { observeRequests } from "../../server/http/observe.ts";
import { createLogger, logOf } from "../../server/log.ts";
import type { Metrics } from "../../server/metrics.ts";

describe("the log", () => {
  const metrics = { request() {} } as unknown as Metrics;

  it("keeps neither keys nor cookies, whatever the answer", async () => {
    const lines: string[] = [];
    const logger = createLogger("trace", { write: (line) => void lines.push(line) });
    const app = express()
      .use(observeRequests(logger, metrics))
      .get("/:status", (request, response) => {
        logOf(request).warn("on the way");
        response.status(Number(request.params.status)).end();
      });
    for (const status of [200, 401, 503]) {
      await request(app)
        .get(`/${status}`)
        .set({ Authorization: "Bearer secret-1", Cookie: "session=secret-2", "Proxy-Authorization": "Basic secret-3" });
    }
    const log = lines.join("");
    assert.match(log, /on the way/);
    assert.equal(lines.filter((line) => line.includes("request completed")).length, 3);
    assert.match(log, /"url":"\/503","remoteAddress":"[^"]*127\.0\.0\.1".*"statusCode":503/);
    assert.doesNotMatch(log, /secret/);
  });

  it("says who left before the answer came", async () => {
    const lines: string[] = [];
    const logger = createLogger("debug", { write: (line) => void lines.push(line) });
    const app = express().use(observeRequests(logger, metrics), () => {}); // never answers
    await assert.rejects(request(app).get("/slow").timeout(200));
    while (lines.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
    assert.match(lines.join(""), /"url":"\/slow","remoteAddress":"[^"]*127\.0\.0\.1".*request aborted/);
  });
});
