// The OpenAPI 3.1 document: every path, described by the schemas that validate its requests.
import { z } from "zod";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from "zod-openapi";
import { imagePaths } from "./openapi/image-paths.ts";
import { modelPaths } from "./openapi/model-paths.ts";
import { json, operation } from "./openapi/operation.ts";
import { searchPaths } from "./openapi/search-paths.ts";
import { trainingPaths } from "./openapi/training-paths.ts";
import * as responses from "./responses.ts";

const paths: ZodOpenApiPathsObject = {
  ...imagePaths,
  ...searchPaths,
  ...modelPaths,
  ...trainingPaths,
  "/v1/servers": {
    get: operation("listServers", "List the servers of the storage", ["200", json(responses.serverListSchema)]),
  },
  "/livez": { get: operation("isAlive", "The process answers", ["200", json(responses.healthSchema)]) },
  "/readyz": {
    get: operation("isReady", "The server can search and embed", ["200", json(responses.healthSchema)], ["not_ready"]),
  },
  "/metrics": { get: operation("getMetrics", "Prometheus metrics", ["200", { "text/plain": { schema: z.string() } }]) },
};

const TAGS = {
  images: "Store, read, change and delete images",
  search: "Find images",
  embeddings: "Use the encoder without storing anything",
  models: "What answers, and how it is replaced",
  trainings: "Train a model on what is stored",
  server: "Health and measurements",
} as const;

/** The tag of an address, by its first part. */
function tagOf(path: string): keyof typeof TAGS {
  const [, first] = /^\/v1\/(\w+)/.exec(path) ?? [];
  if (first === undefined || first === "servers") return "server";
  if (first === "images" || first === "embeddings" || first === "trainings") return first;
  return /^(models|rollback|swaps)$/.test(first) ? "models" : "search";
}

const tagged = Object.fromEntries(
  Object.entries(paths).map(([path, methods]) => {
    const operations = Object.entries(methods as Record<string, ZodOpenApiOperationObject>);
    return [path, Object.fromEntries(operations.map(([method, one]) => [method, { ...one, tags: [tagOf(path)] }]))];
  }),
);

/** The document that `GET /openapi.json` answers. */
export function openApiDocument(): ReturnType<typeof createDocument> {
  return createDocument({
    openapi: "3.1.0",
    info: {
      title: "moco-search",
      version: "1",
      description: "Similar-image search that you train yourself.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "The server that answers this document" }],
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    security: [{}, { bearer: [] }],
    components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
    paths: tagged,
  });
}
