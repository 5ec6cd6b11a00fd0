// Every address and status of the OpenAPI document, asked of the running server, and its answers held against it.
import assert from "node:assert/strict";
import { join } from "node:path";
import type { Express } from "express";
import { pino } from "pino";
import request, { type Test } from "supertest";
import type { z } from "zod";
import { AppError, ERRORS, type ErrorCode } from "../../../core/errors.ts";
import { parseConfig } from "../../../server/config.ts";
import { type AppDeps, createApp } from "../../../server/http/app.ts";
import { openApiDocument } from "../../../server/http/openapi.ts";
import * as responses from "../../../server/http/responses.ts";
import { openUploadSpace, type UploadSpace } from "../../../server/http/upload-space.ts";
import { createMetrics } from "../../../server/metrics.ts";
import { png } from "../../../support/pictures.ts";
import { activate, swapEnd } from "../../../support/swaps.ts";
import { startTestServer, type TestServer } from "../../../support/test-server.ts";
import { writeTinyModel } from "../../../support/tiny-model.ts";

type Http = ReturnType<typeof request>;

/**
 * Statuses that come from limits and defects, not from what is asked: tested with the failing app below and in safety.
 */
const NOT_ASKED_FOR = new Set(["401", "403", "429", "500", "503", "507"]);

describe("the OpenAPI document", () => {
  let server: TestServer;
  let file: Buffer;
  let third: Buffer;
  let id: string;
  let swapId: string;
  let space: UploadSpace;
  const text = Buffer.from("no image, but a text that is long enough");
  before(async () => {
    server = await startTestServer({ maxImageBytes: 100_000, trainings: true });
    space = await openUploadSpace(join(server.dataFolder, "uploads"), { maxOnDisk: 1e9 });
    file = await png(1);
    third = await png(3);
    id = (await server.http.post("/v1/images").attach("image", file, "a").expect(201)).body.images[0].id;
    await server.http
      .post("/v1/images")
      .set("Idempotency-Key", "used")
      .attach("image", await png(2), "a");
    const upload = server.http.post("/v1/images").set("Idempotency-Key", "deleted");
    const { body } = await upload.attach("image", third, "a").expect(201);
    await server.http.delete(`/v1/images/${body.images[0].id}`).expect(204);
    await writeTinyModel(server.modelsFolder, "other", {
      seed: 2,
      dimensions: 24,
      size: 24,
      cells: true,
      replace: true,
    });
    swapId = (await activate(server, "other", { force: true })).id;
  });
  after(() => server.close());

  const corrupt = () => file.subarray(0, file.length / 2);
  const images = (path: string): Record<string, (http: Http) => Test> => ({
    "400": (http) => http.post(path).field("x", "1"),
    "413": (http) => http.post(path).attach("image", Buffer.alloc(200_000), "a"),
    "415": (http) => http.post(path).attach("image", text, "a"),
    "422": (http) => http.post(path).attach("image", corrupt(), "a"),
  });
  type Asked = readonly [schema: z.ZodType | undefined, byStatus: Record<string, (http: Http) => Test>];
  const requests: Record<string, Asked> = {
    "post /v1/embeddings": [
      responses.embeddingsSchema,
      { ...images("/v1/embeddings"), "200": (http) => http.post("/v1/embeddings").attach("image", file, "a") },
    ],
    "post /v1/images": [
      responses.uploadedSchema,
      {
        ...images("/v1/images"),
        "201": (http) => http.post("/v1/images").attach("image", file, "a").attach("image", text, "b"),
        "410": (http) => http.post("/v1/images").set("Idempotency-Key", "deleted").attach("image", third, "a"),
      },
    ],
    "get /v1/images": [
      responses.imageListSchema,
      { "200": (http) => http.get("/v1/images?limit=1"), "400": (http) => http.get("/v1/images?limit=0") },
    ],
    "patch /v1/images": [
      responses.changedSchema,
      {
        "200": (http) => http.patch("/v1/images").send({ ids: [id, "none"], metadata: { b: 1 } }),
        "400": (http) => http.patch("/v1/images").send({ ids: [], metadata: {} }),
        "413": (http) => http.patch("/v1/images").send({ ids: [id], metadata: { a: "x".repeat(3e6) } }),
        "415": (http) => http.patch("/v1/images").type("text").send("a"),
      },
    ],
    "post /v1/images/archive": [
      undefined,
      {
        "200": (http) => http.post("/v1/images/archive").send({ ids: [id, "none"] }),
        "400": (http) => http.post("/v1/images/archive").send({ ids: [] }),
        "413": (http) => http.post("/v1/images/archive").send({ ids: ["x".repeat(3e6)] }),
        "415": (http) => http.post("/v1/images/archive").type("text").send("a"),
      },
    ],
    "post /v1/images/delete": [
      responses.deletedSchema,
      {
        "200": (http) => http.post("/v1/images/delete").send({ ids: ["none"] }),
        "400": (http) => http.post("/v1/images/delete").send({ ids: [""] }),
        "413": (http) => http.post("/v1/images/delete").send({ ids: ["x".repeat(3e6)] }),
        "415": (http) => http.post("/v1/images/delete").type("text").send("a"),
      },
    ],
    "post /v1/images/known": [
      responses.knownSchema,
      {
        "200": (http) => http.post("/v1/images/known").send({ sha256: ["0".repeat(64)] }),
        "400": (http) => http.post("/v1/images/known").send({ sha256: ["none"] }),
        "413": (http) => http.post("/v1/images/known").send({ sha256: ["x".repeat(3e6)] }),
        "415": (http) => http.post("/v1/images/known").type("text").send("a"),
      },
    ],
    "get /v1/images/{id}": [
      responses.imageSchema,
      { "200": (http) => http.get(`/v1/images/${id}`), "404": (http) => http.get("/v1/images/none") },
    ],
    "patch /v1/images/{id}": [
      responses.imageSchema,
      {
        "200": (http) => http.patch(`/v1/images/${id}`).send({ metadata: { a: 1 } }),
        "400": (http) => http.patch(`/v1/images/${id}`).send({}),
        "404": (http) => http.patch("/v1/images/none").send({ metadata: {} }),
        "413": (http) => http.patch(`/v1/images/${id}`).send({ metadata: { a: "x".repeat(3e6) } }),
        "415": (http) => http.patch(`/v1/images/${id}`).type("text").send("a"),
      },
    ],
    "delete /v1/images/{id}": [
      undefined,
      { "204": (http) => http.delete(`/v1/images/${id}`), "404": (http) => http.delete("/v1/images/none") },
    ],
    "get /v1/images/{id}/content": [
      undefined,
      {
        "200": (http) => http.get(`/v1/images/${id}/content?size=32`),
        "400": (http) => http.get(`/v1/images/${id}/content?size=1`),
        "404": (http) => http.get("/v1/images/none/content"),
      },
    ],
    "post /v1/search/image": [
      responses.matchesSchema,
      {
        ...images("/v1/search/image"),
        "200": (http) => http.post("/v1/search/image").field("k", "1").attach("image", file, "a"),
        "404": (http) => http.post("/v1/search/image").field("positive", '["none"]').attach("image", file, "a"),
        "410": (http) => {
          const cursor = Buffer.from('{"generation":99,"offset":1}').toString("base64url");
          return http.post("/v1/search/image").field("cursor", cursor).attach("image", file, "a");
        },
      },
    ],
    "post /v1/search": [
      responses.matchesSchema,
      {
        ...images("/v1/search"),
        "200": (http) => http.post("/v1/search").send({ id, k: 1, filter: { not: { field: "a", exists: true } } }),
        "404": (http) => http.post("/v1/search").send({ id: "none" }),
        "410": (http) =>
          http
            .post("/v1/search")
            .send({ id, cursor: Buffer.from('{"generation":99,"offset":1}').toString("base64url") }),
      },
    ],
    "post /v1/segments/image": [
      responses.segmentSchema,
      {
        ...images("/v1/segments/image"),
        "200": (http) => http.post("/v1/segments/image").field("point", '{"x":0,"y":1}').attach("image", file, "a"),
        "415": (http) => http.post("/v1/segments/image").field("point", '{"x":0,"y":1}').attach("image", text, "a"),
        "422": (http) =>
          http.post("/v1/segments/image").field("point", '{"x":0,"y":1}').attach("image", corrupt(), "a"),
      },
    ],
    "post /v1/segments": [
      responses.segmentSchema,
      {
        ...images("/v1/segments"),
        "200": (http) => http.post("/v1/segments").send({ id, point: [{ x: 0.5, y: 0.5 }], outside: [{ x: 1, y: 1 }] }),
        "404": (http) => http.post("/v1/segments").send({ id: "none", point: { x: 0, y: 0 } }),
        "415": (http) => http.post("/v1/segments").field("point", '{"x":0,"y":1}').attach("image", text, "a"),
        "422": (http) => http.post("/v1/segments").field("point", '{"x":0,"y":1}').attach("image", corrupt(), "a"),
      },
    ],
    "get /v1/duplicates": [
      responses.duplicatesSchema,
      { "200": (http) => http.get("/v1/duplicates?threshold=0"), "400": (http) => http.get("/v1/duplicates?limit=x") },
    ],
    "get /v1/facets": [
      responses.facetsSchema,
      { "200": (http) => http.get("/v1/facets?search=a"), "400": (http) => http.get("/v1/facets?limit=0") },
    ],
    "get /v1/map": [responses.mapSchema, { "200": (http) => http.get("/v1/map") }],
    "get /v1/map/progress": [responses.mapProgressSchema, { "200": (http) => http.get("/v1/map/progress") }],
    "get /v1/servers": [responses.serverListSchema, { "200": (http) => http.get("/v1/servers") }],
    "get /v1/models": [responses.modelListSchema, { "200": (http) => http.get("/v1/models") }],
    "get /v1/models/{name}": [
      responses.modelSchema,
      { "200": (http) => http.get("/v1/models/other"), "404": (http) => http.get("/v1/models/none") },
    ],
    "post /v1/models/{name}/activate": [
      responses.swapStartedSchema,
      {
        "202": (http) => http.post("/v1/models/default/activate?force=true"),
        "400": (http) => http.post("/v1/models/other/activate?force=perhaps"),
        "404": (http) => http.post("/v1/models/x/activate"),
      },
    ],
    "post /v1/rollback": [responses.swapStartedSchema, { "202": (http) => http.post("/v1/rollback") }],
    "get /v1/swaps": [
      responses.swapListSchema,
      { "200": (http) => http.get("/v1/swaps?limit=1"), "400": (http) => http.get("/v1/swaps?limit=0") },
    ],
    "get /v1/swaps/{id}": [
      responses.swapSchema,
      { "200": (http) => http.get(`/v1/swaps/${swapId}`), "404": (http) => http.get("/v1/swaps/none") },
    ],
    "get /v1/swaps/{id}/events": [
      undefined,
      { "200": (http) => http.get(`/v1/swaps/${swapId}/events`), "404": (http) => http.get("/v1/swaps/none/events") },
    ],
    "post /v1/swaps/{id}/cancel": [
      responses.swapStartedSchema,
      { "404": (http) => http.post("/v1/swaps/none/cancel"), "409": (http) => http.post(`/v1/swaps/${swapId}/cancel`) },
    ],
    "post /v1/swaps/{id}/approve": [
      responses.swapStartedSchema,
      {
        "404": (http) => http.post("/v1/swaps/none/approve"),
        "409": (http) => http.post(`/v1/swaps/${swapId}/approve`),
      },
    ],
    "post /v1/swaps/{id}/discard": [
      responses.swapStartedSchema,
      {
        "404": (http) => http.post("/v1/swaps/none/discard"),
        "409": (http) => http.post(`/v1/swaps/${swapId}/discard`),
      },
    ],
    "get /v1/trainings": [responses.trainingListSchema, { "200": (http) => http.get("/v1/trainings") }],
    "post /v1/trainings": [
      responses.trainingStartedSchema,
      {
        "400": (http) => http.post("/v1/trainings").send({ minutes: 0 }),
        "404": (http) => http.post("/v1/trainings").send({ init: "none" }),
        "409": (http) => http.post("/v1/trainings").send({ name: "other" }),
        "413": (http) => http.post("/v1/trainings").send({ name: "x".repeat(3e6) }),
        "415": (http) => http.post("/v1/trainings").type("text").send("a"),
        "422": (http) => http.post("/v1/trainings").send({}),
      },
    ],
    "get /v1/trainings/{name}": [responses.trainingSchema, { "404": (http) => http.get("/v1/trainings/none") }],
    "delete /v1/trainings/{name}": [undefined, { "404": (http) => http.delete("/v1/trainings/none") }],
    "get /v1/trainings/{name}/events": [undefined, { "404": (http) => http.get("/v1/trainings/none/events") }],
    "get /v1/trainings/{name}/files/{file}": [
      undefined,
      { "404": (http) => http.get("/v1/trainings/none/files/report.html") },
    ],
    "post /v1/trainings/{name}/stop": [
      responses.trainingStartedSchema,
      { "404": (http) => http.post("/v1/trainings/none/stop") },
    ],
    "post /v1/trainings/{name}/resume": [
      responses.trainingStartedSchema,
      { "404": (http) => http.post("/v1/trainings/none/resume") },
    ],
    "get /livez": [responses.healthSchema, { "200": (http) => http.get("/livez") }],
    "get /readyz": [responses.healthSchema, { "200": (http) => http.get("/readyz") }],
    "get /metrics": [undefined, { "200": (http) => http.get("/metrics") }],
  };

  /**
   * Codes that need a state of the server, a training or a broken model, which tests of swaps, models, trainings and
   * image changes show, or an image that was decoded when it was stored and no longer is.
   */
  const SHOWN_ELSEWHERE = new Set([
    "get /v1/images/{id}/content 413",
    "get /v1/images/{id}/content 422",
    "post /v1/models/{name}/activate 409",
    "post /v1/models/{name}/activate 422",
    "get /v1/models/{name} 422",
    "post /v1/rollback 409",
    "post /v1/swaps/{id}/cancel 202",
    "post /v1/swaps/{id}/approve 202",
    "post /v1/swaps/{id}/discard 202",
    "post /v1/trainings 202",
    "get /v1/trainings/{name} 200",
    "delete /v1/trainings/{name} 204",
    "delete /v1/trainings/{name} 409",
    "get /v1/trainings/{name}/events 200",
    "get /v1/trainings/{name}/files/{file} 200",
    "post /v1/trainings/{name}/stop 202",
    "post /v1/trainings/{name}/stop 409",
    "post /v1/trainings/{name}/resume 202",
    "post /v1/trainings/{name}/resume 409",
  ]);

  const operations = Object.entries(openApiDocument().paths ?? {}).flatMap(([path, methods]) =>
    Object.entries(methods ?? {}).map(([method, { responses: documented }]) => ({
      name: `${method} ${path}`,
      statuses: Object.keys(documented as object),
      documented: documented as Record<string, { description: string }>,
    })),
  );

  it("is what the server answers", async () => {
    const { body } = await server.http.get("/openapi.json").expect(200);
    assert.deepEqual(body, JSON.parse(JSON.stringify(openApiDocument())));
    assert.equal(body.openapi, "3.1.0");
    const named = Object.values(body.paths as Record<string, Record<string, { operationId: string; tags: string[] }>>);
    const all = named.flatMap((methods) => Object.values(methods));
    assert.equal(new Set(all.map(({ operationId }) => operationId)).size, all.length);
    const tags = new Set(body.tags.map(({ name }: { name: string }) => name));
    for (const operation of all)
      assert.ok(
        operation.tags.every((tag) => tags.has(tag)),
        operation.operationId,
      );
  });

  /** Asks an operation for a path that cannot be read. */
  const unreadable = (name: string, status: string): ((http: Http) => Test) => {
    const [method, path] = name.split(" ") as ["get" | "post" | "patch" | "delete", string];
    if (status !== "400" || !path.includes("{")) assert.fail(`no request for ${name} ${status}`);
    return (http) => http[method](path.replace(/\{\w+\}/, "%zz"));
  };

  // Deletes come last.
  for (const { name, statuses } of operations.sort(
    (a, b) => +a.name.startsWith("delete") - +b.name.startsWith("delete"),
  )) {
    for (const status of statuses.filter((one) => !NOT_ASKED_FOR.has(one) && !SHOWN_ELSEWHERE.has(`${name} ${one}`))) {
      it(`${name} answers ${status} as documented`, async () => {
        const [schema, byStatus] = requests[name] ?? assert.fail(`no request for ${name}`);
        const ask = byStatus[status] ?? unreadable(name, status);
        const answer = await ask(server.http);
        assert.equal(answer.status, Number(status), answer.text);
        if (status.startsWith("2")) schema?.parse(answer.body);
        if (status === "202") await swapEnd(server, answer.body.swap.id);
        if (status.startsWith("2")) return;
        responses.problemSchema.parse(answer.body);
        assert.match(answer.headers["content-type"]!, /^application\/problem\+json/);
      });
    }
  }

  for (const { name, documented } of operations) {
    const codes = ["503", "507", "500"].flatMap((status) =>
      [...(documented[status]?.description ?? "").matchAll(/`(\w+)`/g)].map(([, code]) => code as ErrorCode),
    );
    if (
      !/images|search|segments|embeddings|duplicates|facets|activate|rollback/.test(name) ||
      name.startsWith("get /v1/images")
    )
      continue;
    it(`${name} answers ${codes.join(", ")} where the server cannot do it`, async () => {
      const [, byStatus] = requests[name]!;
      const ask = byStatus["200"] ?? byStatus["201"] ?? byStatus["202"] ?? byStatus["204"]!;
      for (const code of codes) {
        const answer = await ask(request(failingApp(code, space)));
        assert.equal(answer.status, ERRORS[code].status);
        assert.equal(answer.body.code, code);
        responses.problemSchema.parse(answer.body);
        if (answer.status === 503) assert.ok(Number(answer.headers["retry-after"]) > 0);
      }
    });
  }
});

/** An application whose every service fails with `code`. */
function failingApp(code: ErrorCode, space: UploadSpace): Express {
  const failAtOnce = () => {
    throw code === "internal" ? new Error("secret") : new AppError(code, "It fails.");
  };
  const fail = async () => failAtOnce();
  const failing = new Proxy({}, { get: () => fail });
  return createApp({
    collection: failing as AppDeps["collection"],
    map: { read: fail, progress: failAtOnce },
    models: failing as AppDeps["models"],
    swaps: failing as AppDeps["swaps"],
    trainings: failing as AppDeps["trainings"],
    notReadyReason: () => undefined,
    listServers: fail,
    stopping: new AbortController().signal,
    metrics: createMetrics({
      generation: () => 1,
      images: async () => 0,
      contents: async () => 0,
      waiting: () => 0,
      ready: () => true,
      servers: async () => 1,
    }),
    limits: { ...parseConfig({}), space },
    access: "this machine",
    apiKeys: { roleOf: async () => undefined },
    rateLimit: 0,
    trustProxies: 0,
    logger: pino({ level: "silent" }),
  });
}
