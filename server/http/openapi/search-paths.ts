import type { ZodOpenApiPathsObject } from "zod-openapi";
import type { ErrorCode } from "../../../core/errors.ts";
import * as requests from "../requests.ts";
import * as responses from "../responses.ts";
import { file, formOf, json, operation, UPLOAD } from "./operation.ts";

const SEARCH: ErrorCode[] = [
  ...UPLOAD,
  "invalid_vector",
  "image_not_found",
  "file_damaged",
  "index_unavailable",
  "generation_replaced",
  "cursor_expired",
  "no_cells",
];
const SEGMENT: ErrorCode[] = [...UPLOAD, "no_cells"];

/** Operations that find images, or tell about all of them. */
export const searchPaths: ZodOpenApiPathsObject = {
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
  "/v1/segments": {
    post: operation(
      "segment",
      "Find the shape of a thing in a stored image",
      ["200", json(responses.segmentSchema)],
      [...SEGMENT, "image_not_found", "file_damaged"],
      { requestBody: { required: true, content: json(requests.jsonSegmentSchema) } },
    ),
  },
  "/v1/segments/image": {
    post: operation(
      "segmentImage",
      "Find the shape of a thing in a file",
      ["200", json(responses.segmentSchema)],
      SEGMENT,
      {
        requestBody: { required: true, content: formOf(requests.imageSegmentSchema, file) },
      },
    ),
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
  "/v1/map/progress": {
    get: operation("getMapProgress", "How much of the map's layout is done", [
      "200",
      json(responses.mapProgressSchema),
    ]),
  },
};
