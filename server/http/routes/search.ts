import type { Express, Request, RequestHandler } from "express";
import { AppError } from "../../../core/errors.ts";
import type { Collection } from "../../collection/collection.ts";
import type { Query, SearchOptions } from "../../collection/search.ts";
import { readJson } from "../json-body.ts";
import { readMultipart, type UploadLimits, uploadedImages } from "../multipart.ts";
import { onlyMethods } from "../problem.ts";
import { imageSearchSchema, jsonSearchSchema } from "../requests.ts";
import { sendJson } from "../send-json.ts";
import { parse, writeCursor } from "../validate.ts";
import { shapeOf } from "./shape.ts";

/** What a request asks for beside the query. */
interface Wanted extends SearchOptions {
  readonly cursor?: { readonly generation: number; readonly offset: number } | undefined;
}

const isJson = ({ headers }: Request): boolean => /^application\/json\b/i.test(headers["content-type"] ?? "");

/**
 * `POST /v1/search`: by stored images or a vector (JSON), or by an image file (multipart) as `POST /v1/search/image`,
 * which has an address of its own since generated clients know one content type for each.
 */
export function searchRoutes(app: Express, collection: Collection, limits: UploadLimits): void {
  const answer = async (query: Query, { cursor, ...options }: Wanted) => {
    const { hasMore, ...found } = await collection.search(query, { ...options, ...cursor });
    const offset = (cursor?.offset ?? 0) + options.k;
    return hasMore ? { ...found, nextCursor: writeCursor({ generation: found.generation, offset }) } : found;
  };

  const byImage: RequestHandler = async (request, response) => {
    const images = uploadedImages(request);
    if (images.length > 1) {
      throw new AppError("invalid_request", `Expected one image to search with but received ${images.length}.`);
    }
    const { region, point, outside, mask, ...rest } = parse(imageSearchSchema, { ...request.body });
    const { positive, negative, ...wanted } = rest;
    const shape = await shapeOf({ region, point, outside, mask });
    const find = (image: Uint8Array) => answer({ image, region, shape, positive, negative }, wanted);
    sendJson(response, await images[0]!.use(find));
  };

  const byIdOrVector: RequestHandler = async (request, response) => {
    const codeOf = (field: PropertyKey | undefined) => (field === "vector" ? "invalid_vector" : "invalid_request");
    const { id, vector, positive, negative = [], ...rest } = parse(jsonSearchSchema, request.body, codeOf);
    const { point, outside, mask, ...wanted } = rest;
    const shape = await shapeOf({ point, outside, mask });
    const query: Query = vector ? { vector } : positive ? { positive, negative } : { id: id!, shape };
    sendJson(response, await answer(query, wanted));
  };

  const json = readJson(limits.space);
  app
    .route("/v1/search")
    .post((request, response, next) => (isJson(request) ? json(request, response, next) : next("route")), byIdOrVector);
  for (const path of ["/v1/search", "/v1/search/image"]) {
    app.route(path).post(readMultipart(limits), byImage).all(onlyMethods("POST"));
  }
}
