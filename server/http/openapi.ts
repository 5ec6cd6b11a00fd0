// The OpenAPI 3.1 document: every address, made of the schemas that validate.
import { z } from "zod";
import { createDocument, type ZodOpenApiOperationObject, type ZodOpenApiPathsObject } from "zod-openapi";
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
const SEARCH: ErrorCode[] = [
  ...UPLOAD,
  "invalid_vector",
  "image_not_found",
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

const json = (schema: z.ZodType) => ({ "application/json": { schema } });

/** An operation that answers `status` with JSON, or fails with one of `codes`. */
function operation(
  summary: string,
  [status, schema]: readonly [string, z.ZodType?],
  codes: readonly ErrorCode[] = [],
  rest: Pick<ZodOpenApiOperationObject, "requestParams" | "requestBody"> = {},
): ZodOpenApiOperationObject {
  const success = { description: summary, ...(schema && { content: json(schema) }) };
  return { summary, ...rest, responses: { [status]: success, ...problems(codes) } };
}

const formOf = (fields: z.ZodObject) => ({
  "multipart/form-data": { schema: fields.extend({ image: z.union([file, z.array(file)]) }) },
});

const paths: ZodOpenApiPathsObject = {
  "/v1/embeddings": {
    post: operation("Embed images; nothing is stored", ["200", responses.embeddingsSchema], UPLOAD, {
      requestBody: { required: true, content: formOf(z.strictObject({})) },
    }),
  },
  "/v1/images": {
    post: operation(
      "Store images",
      ["201", responses.uploadedSchema],
      [...UPLOAD, "idempotency_key_reused", "storage_full"],
      {
        requestParams: { header: requests.uploadHeadersSchema },
        requestBody: { required: true, content: formOf(requests.uploadFieldsSchema) },
      },
    ),
    get: operation("List images, newest first", ["200", responses.imageListSchema], ["invalid_request"], {
      requestParams: { query: requests.listQuerySchema },
    }),
  },
  "/v1/images/known": {
    post: operation(
      "Tell which contents are stored, by SHA-256",
      ["200", responses.knownSchema],
      ["invalid_request", "payload_too_large", "unsupported_media_type"],
      { requestBody: { required: true, content: json(requests.knownQuerySchema) } },
    ),
  },
  "/v1/images/{id}": {
    get: operation("Read an image's record", ["200", responses.imageSchema], ["image_not_found"], {
      requestParams: { path: z.object(id) },
    }),
    patch: operation(
      "Change an image's metadata",
      ["200", responses.imageSchema],
      ["image_not_found", "invalid_request", "payload_too_large", "unsupported_media_type", "storage_full"],
      {
        requestParams: { path: z.object(id) },
        requestBody: {
          required: true,
          content: { ...json(requests.patchSchema), "application/merge-patch+json": { schema: requests.patchSchema } },
        },
      },
    ),
    delete: operation("Delete an image", ["204"], ["image_not_found", "not_ready", "storage_full"], {
      requestParams: { path: z.object(id) },
    }),
  },
  "/v1/images/{id}/content": {
    get: {
      ...operation("Read an image's bytes, or a thumbnail", ["200"], ["image_not_found", "invalid_request"], {
        requestParams: { path: z.object(id), query: requests.contentQuerySchema },
      }),
    },
  },
  "/v1/search": {
    post: operation("Find similar images", ["200", responses.matchesSchema], SEARCH, {
      requestBody: {
        required: true,
        content: { ...json(requests.jsonSearchSchema), ...formOf(requests.imageSearchSchema) },
      },
    }),
  },
  "/v1/duplicates": {
    get: operation(
      "Find groups of near and exact duplicates",
      ["200", responses.duplicatesSchema],
      ["invalid_request", "index_unavailable", "not_ready"],
      { requestParams: { query: requests.duplicatesQuerySchema } },
    ),
  },
  "/v1/map": {
    get: operation("Lay the collection out in two dimensions", ["200", responses.mapSchema], ["not_ready"]),
  },
  "/v1/models": { get: operation("List models", ["200", responses.modelListSchema]) },
  "/v1/models/{name}": {
    get: operation("Read a model's card", ["200", responses.modelSchema], ["model_not_found", "invalid_model"], {
      requestParams: { path: z.object(name) },
    }),
  },
  "/v1/models/{name}/activate": {
    post: operation(
      "Begin to replace the active model",
      ["202", responses.swapStartedSchema],
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
      "Begin to go back to the model before",
      ["202", responses.swapStartedSchema],
      ["no_previous_generation", "swap_in_progress", "not_ready", "storage_full"],
    ),
  },
  "/v1/swaps": {
    get: operation("List swaps, newest first", ["200", responses.swapListSchema], ["invalid_request"], {
      requestParams: { query: requests.swapListQuerySchema },
    }),
  },
  "/v1/swaps/{id}": {
    get: operation("Follow a swap", ["200", responses.swapSchema], ["swap_not_found"], {
      requestParams: { path: z.object(id) },
    }),
  },
  "/v1/swaps/{id}/events": {
    get: {
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
    post: operation("Cancel a swap", ["202", responses.swapStartedSchema], ["swap_not_found", "swap_finished"], {
      requestParams: { path: z.object(id) },
    }),
  },
  "/v1/servers": { get: operation("List the servers of the storage", ["200", responses.serverListSchema]) },
  "/livez": { get: operation("The process answers", ["200", responses.healthSchema]) },
  "/readyz": { get: operation("The server can search and embed", ["200", responses.healthSchema], ["not_ready"]) },
  "/metrics": { get: operation("Prometheus metrics", ["200"]) },
};

/** The document that `GET /openapi.json` answers. */
export function openApiDocument(): ReturnType<typeof createDocument> {
  return createDocument({
    openapi: "3.1.0",
    info: { title: "moco-search", version: "1", description: "Similar-image search that you train yourself." },
    security: [{}, { bearer: [] }],
    components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
    paths,
  });
}
