import { z } from "zod";
import type { ZodOpenApiPathsObject } from "zod-openapi";
import * as requests from "../requests.ts";
import * as responses from "../responses.ts";
import { file, json, operation, problems } from "./operation.ts";

const requestParams = { path: z.object({ name: z.string().max(64) }) };

/** Operations on trainings. */
export const trainingPaths: ZodOpenApiPathsObject = {
  "/v1/trainings": {
    get: operation("listTrainings", "List trainings, newest first", ["200", json(responses.trainingListSchema)]),
    post: operation(
      "startTraining",
      "Begin to train a model on all stored images",
      ["202", json(responses.trainingStartedSchema)],
      [
        "invalid_request",
        "payload_too_large",
        "unsupported_media_type",
        "trainings_off",
        "training_in_progress",
        "training_exists",
        "model_exists",
        "model_not_found",
        "invalid_model",
        "invalid_checkpoint",
        "invalid_dataset",
        "not_ready",
        "storage_full",
      ],
      { requestBody: { required: true, content: json(requests.trainingStartSchema) } },
    ),
  },
  "/v1/trainings/{name}": {
    get: operation(
      "getTraining",
      "Read how a training goes",
      ["200", json(responses.trainingSchema)],
      ["training_not_found"],
      { requestParams },
    ),
    delete: operation(
      "deleteTraining",
      "Delete a training that does not run; its model stays",
      ["204"],
      ["training_not_found", "training_in_progress"],
      { requestParams },
    ),
  },
  "/v1/trainings/{name}/events": {
    get: {
      operationId: "followTraining",
      summary: "Follow a training as server-sent events",
      requestParams,
      responses: {
        200: {
          description:
            "An event a second at most until the training does not run; its data is the JSON of GET /v1/trainings/{name}",
          content: { "text/event-stream": { schema: z.string() } },
        },
        ...problems(["training_not_found"]),
      },
    },
  },
  "/v1/trainings/{name}/files/{file}": {
    get: operation(
      "getTrainingFile",
      "Read the report of a training, or one of its pictures",
      ["200", { "text/html": { schema: z.string() }, "image/png": { schema: file } }],
      ["training_not_found", "not_found"],
      { requestParams: { path: requestParams.path.extend({ file: z.string().max(64) }) } },
    ),
  },
  "/v1/trainings/{name}/stop": {
    post: operation(
      "stopTraining",
      "Stop a training; it can go on later",
      ["202", json(responses.trainingStartedSchema)],
      ["training_not_found", "training_ended"],
      { requestParams },
    ),
  },
  "/v1/trainings/{name}/resume": {
    post: operation(
      "resumeTraining",
      "Go on with a training that was stopped or has failed",
      ["202", json(responses.trainingStartedSchema)],
      [
        "trainings_off",
        "training_not_found",
        "training_in_progress",
        "training_ended",
        "model_exists",
        "not_ready",
        "storage_full",
      ],
      { requestParams },
    ),
  },
};
