// The OpenAPI 3.1 document: every path, described by the schemas that validate its requests.
import { z } from "zod";
import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponseObject,
} from "zod-openapi";
import { MEDIA_TYPES } from "../../core/decode.ts";
import { ERRORS, type ErrorCode } from "../../core/errors.ts";
import * as requests from "./requests.ts";
import * as responses from "./responses.ts";

const file = z.string().meta({ format: "binary", type: "string" });
const id = { id: z.string().max(64) };
const name = { name: z.string().max(64) };

/** Failures that any request may meet. */
const ALWAYS: ErrorCode[] = ["unauthorized", "forbidden", "rate_limited", "storage_unavailable", "internal"];
const UPLOAD: ErrorCode[] = [
  "missing_image",
  "empty_image",
  "invalid_request",
  "payload_too_large",
  "image_too_many_pixels",
  "unsupported_image_type",
  "unsupported_media_type",
  "corrupt_image",
  "no_embedding",
  "overloaded",
  "encoder_unavailable",
  "not_ready",
];
const THUMBNAIL: ErrorCode[] = [
  "image_not_found",
  "invalid_request",
  "corrupt_image",
  "image_too_many_pixels",
  "file_damaged",
  "overloaded",
];
const SEARCH: ErrorCode[] = [
  ...UPLOAD,
  "invalid_vector",
  "image_not_found",
  "file_damaged",
  "index_unavailable",
  "generation_replaced",
  "cursor_expired",
];

/** The failures of an operation, by status. */
function problems(codes: readonly ErrorCode[]): ZodOpenApiOperationObject["responses"] {
  const all = [...codes, ...ALWAYS];
  return Object.fromEntries(
    all.map((code) => {
      const { status } = ERRORS[code];
      const same = all.filter((other) => ERRORS[other].status === status);
      const description = same.map((other) => `\`${other}\`: ${ERRORS[other].title}`).join("; ");
      return [status, { description, content: { "application/problem+json": { schema: responses.problemSchema } } }];
    }),
  );
}

/** What an operation answers: its status, and the content by media type. */
type Success = readonly [status: string, content?: ZodOpenApiResponseObject["content"]];

const json = (schema: z.ZodType) => ({ "application/json": { schema } });

/** An operation that answers `success`, or fails with one of `codes`. */
function operation(
  operationId: string,
  summary: string,
  [status, content]: Success,
  codes: readonly ErrorCode[] = [],
  rest: Pick<ZodOpenApiOperationObject, "requestParams" | "requestBody"> = {},
): ZodOpenApiOperationObject {
  const success = { description: summary, ...(content && { content }) };
  // A parameter of the path may be written in a way that cannot be read, such as %zz.
  const all: readonly ErrorCode[] = rest.requestParams?.path ? ["invalid_request", ...codes] : codes;
  return { operationId, summary, ...rest, responses: { [status]: success, ...problems(all) } };
}

/** A form with these fields and the field `image`: one file, or several. */
const formOf = (fields: z.ZodObject, image: z.ZodType) => ({
  "multipart/form-data": { schema: fields.extend({ image }) },
});
const files = z.array(file);

const paths: ZodOpenApiPathsObject = {
  "/v1/embeddings": {
    post: operation(
      "embedImages",
      "Embed images; nothing is stored",
      ["200", json(responses.embeddingsSchema)],
      UPLOAD,
      {
        requestBody: { required: true, content: formOf(z.strictObject({}), files) },
      },
    ),
  },
  "/v1/images": {
    post: operation(
      "storeImages",
      "Store images",
      ["201", json(responses.uploadedSchema)],
      [...UPLOAD, "idempotency_key_reused", "image_deleted", "storage_full"],
      {
        requestParams: { header: requests.uploadHeadersSchema },
        requestBody: { required: true, content: formOf(requests.uploadFieldsSchema, files) },
      },
    ),
    get: operation(
      "listImages",
      "List images, by when they were stored",
      ["200", json(responses.imageListSchema)],
      ["invalid_request"],
      {
        requestParams: { query: requests.listQuerySchema },
      },
    ),
    patch: operation(
      "changeImages",
      "Change the metadata of up to 1000 images",
      ["200", json(responses.changedSchema)],
      ["invalid_request", "payload_too_large", "unsupported_media_type", "storage_full"],
      { requestBody: { required: true, content: json(requests.bulkPatchSchema) } },
    ),
  },
  "/v1/images/archive": {
    post: operation(
      "archiveImages",
      "Read the files of up to 10,000 images as a zip",
      ["200", { "application/zip": { schema: file } }],
      ["invalid_request", "payload_too_large", "unsupported_media_type"],
      { requestBody: { required: true, content: json(requests.archiveSchema) } },
    ),
  },
  "/v1/images/delete": {
    post: operation(
      "deleteImages",
      "Delete up to 1000 images",
      ["200", json(responses.deletedSchema)],
      ["invalid_request", "payload_too_large", "unsupported_media_type", "not_ready", "storage_full"],
      { requestBody: { required: true, content: json(requests.bulkDeleteSchema) } },
    ),
  },
  "/v1/images/known": {
    post: operation(
      "knownImages",
      "Tell which contents are stored, by SHA-256",
      ["200", json(responses.knownSchema)],
      ["invalid_request", "payload_too_large", "unsupported_media_type"],
      { requestBody: { required: true, content: json(requests.knownQuerySchema) } },
    ),
  },
  "/v1/images/{id}": {
    get: operation("getImage", "Read an image's record", ["200", json(responses.imageSchema)], ["image_not_found"], {
      requestParams: { path: z.object(id) },
    }),
    patch: operation(
      "changeImage",
      "Change an image's metadata",
      ["200", json(responses.imageSchema)],
      ["image_not_found", "invalid_request", "payload_too_large", "unsupported_media_type", "storage_full"],
      {
        requestParams: { path: z.object(id) },
        requestBody: {
          required: true,
          content: { ...json(requests.patchSchema), "application/merge-patch+json": { schema: requests.patchSchema } },
        },
      },
    ),
    delete: operation("deleteImage", "Delete an image", ["204"], ["image_not_found", "not_ready", "storage_full"], {
      requestParams: { path: z.object(id) },
    }),
  },
  "/v1/images/{id}/content": {
    get: {
      ...operation(
        "getImageContent",
        "Read an image's bytes, or a thumbnail",
        ["200", Object.fromEntries(Object.values(MEDIA_TYPES).map((type) => [type, { schema: file }]))],
        THUMBNAIL,
        { requestParams: { path: z.object(id), query: requests.contentQuerySchema } },
      ),
    },
  },
  "/v1/search": {
    post: operation(
      "search",
      "Find images like a stored one, like examples, or near a vector",
      ["200", json(responses.matchesSchema)],
      SEARCH,
      { requestBody: { required: true, content: json(requests.jsonSearchSchema) } },
    ),
  },
  "/v1/search/image": {
    post: operation("searchByImage", "Find images like a file", ["200", json(responses.matchesSchema)], SEARCH, {
      requestBody: { required: true, content: formOf(requests.imageSearchSchema, file) },
    }),
  },
  "/v1/duplicates": {
    get: operation(
      "findDuplicates",
      "Find groups of near and exact duplicates",
      ["200", json(responses.duplicatesSchema)],
      ["invalid_request", "index_unavailable", "not_ready", "overloaded", "encoder_unavailable"],
      { requestParams: { query: requests.duplicatesQuerySchema } },
    ),
  },
  "/v1/facets": {
    get: operation(
      "getFacets",
      "Count the values of the metadata",
      ["200", json(responses.facetsSchema)],
      ["invalid_request"],
      { requestParams: { query: requests.facetsQuerySchema } },
    ),
  },
  "/v1/map": {
    get: operation(
      "getMap",
      "Lay the collection out in two dimensions",
      ["200", json(responses.mapSchema)],
      ["not_ready"],
    ),
  },
  "/v1/models": { get: operation("listModels", "List models", ["200", json(responses.modelListSchema)]) },
  "/v1/models/{name}": {
    get: operation(
      "getModel",
      "Read a model's card",
      ["200", json(responses.modelSchema)],
      ["model_not_found", "invalid_model"],
      {
        requestParams: { path: z.object(name) },
      },
    ),
  },
  "/v1/models/{name}/activate": {
    post: operation(
      "activateModel",
      "Begin to replace the active model",
      ["202", json(responses.swapStartedSchema)],
      [
        "model_not_found",
        "invalid_model",
        "invalid_request",
        "model_active",
        "swap_in_progress",
        "not_ready",
        "storage_full",
      ],
      { requestParams: { path: z.object(name), query: requests.activateQuerySchema } },
    ),
  },
  "/v1/rollback": {
    post: operation(
      "rollback",
      "Begin to go back to the model before",
      ["202", json(responses.swapStartedSchema)],
      ["no_previous_generation", "swap_in_progress", "not_ready", "storage_full"],
    ),
  },
  "/v1/swaps": {
    get: operation(
      "listSwaps",
      "List swaps, newest first",
      ["200", json(responses.swapListSchema)],
      ["invalid_request"],
      {
        requestParams: { query: requests.swapListQuerySchema },
      },
    ),
  },
  "/v1/swaps/{id}": {
    get: operation("getSwap", "Follow a swap", ["200", json(responses.swapSchema)], ["swap_not_found"], {
      requestParams: { path: z.object(id) },
    }),
  },
  "/v1/swaps/{id}/events": {
    get: {
      operationId: "followSwap",
      summary: "Follow a swap as server-sent events",
      requestParams: { path: z.object(id) },
      responses: {
        200: {
          description: "An event for each change until the swap has ended; its data is the JSON of GET /v1/swaps/{id}",
          content: { "text/event-stream": { schema: z.string() } },
        },
        ...problems(["swap_not_found"]),
      },
    },
  },
  "/v1/swaps/{id}/cancel": {
    post: operation(
      "cancelSwap",
      "Cancel a swap",
      ["202", json(responses.swapStartedSchema)],
      ["swap_not_found", "swap_finished"],
      {
        requestParams: { path: z.object(id) },
      },
    ),
  },
  "/v1/swaps/{id}/approve": {
    post: operation(
      "approveSwap",
      "Let a swap that waits for approval switch",
      ["202", json(responses.swapStartedSchema)],
      ["swap_not_found", "not_in_review", "swap_finished", "storage_full"],
      { requestParams: { path: z.object(id) } },
    ),
  },
  "/v1/swaps/{id}/discard": {
    post: operation(
      "discardSwap",
      "End a swap that waits for approval; nothing changes",
      ["202", json(responses.swapStartedSchema)],
      ["swap_not_found", "not_in_review", "swap_finished"],
      { requestParams: { path: z.object(id) } },
    ),
  },
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
  server: "Health and measurements",
} as const;

/** The tag of an address, by its first part. */
function tagOf(path: string): keyof typeof TAGS {
  const [, first] = /^\/v1\/(\w+)/.exec(path) ?? [];
  if (first === undefined || first === "servers") return "server";
  if (first === "images" || first === "embeddings") return first;
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
