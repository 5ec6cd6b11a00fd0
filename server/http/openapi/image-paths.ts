import { z } from "zod";
import type { ZodOpenApiPathsObject } from "zod-openapi";
import type { ErrorCode } from "../../../core/errors.ts";
import { MEDIA_TYPES } from "../../../core/image-type.ts";
import * as requests from "../requests.ts";
import * as responses from "../responses.ts";
import { file, formOf, json, operation, UPLOAD } from "./operation.ts";

const id = { id: z.string().max(64) };
const files = z.array(file);
const THUMBNAIL: ErrorCode[] = [
  "image_not_found",
  "invalid_request",
  "corrupt_image",
  "image_too_many_pixels",
  "file_damaged",
  "overloaded",
];

/** Operations on images, and embedding without storing. */
export const imagePaths: ZodOpenApiPathsObject = {
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
};
