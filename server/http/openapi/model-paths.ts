import { z } from "zod";
import type { ZodOpenApiPathsObject } from "zod-openapi";
import * as requests from "../requests.ts";
import * as responses from "../responses.ts";
import { json, operation, problems } from "./operation.ts";

const id = { id: z.string().max(64) };
const name = { name: z.string().max(64) };

/** Operations on models and swaps. */
export const modelPaths: ZodOpenApiPathsObject = {
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
};
