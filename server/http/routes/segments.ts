import type { Express, RequestHandler } from "express";
import { AppError } from "../../../core/errors.ts";
import { encodeMask } from "../../../core/mask.ts";
import type { Collection } from "../../collection/collection.ts";
import type { Clicks, Pictured } from "../../domain/shape.ts";
import { readJson } from "../json-body.ts";
import { readMultipart, type UploadLimits, uploadedImages } from "../multipart.ts";
import { onlyMethods } from "../problem.ts";
import { imageSegmentSchema, jsonSegmentSchema } from "../requests.ts";
import { parse } from "../validate.ts";
import { clicksOf } from "./shape.ts";

/**
 * `POST /v1/segments`: the shape of a thing that was clicked on, in a stored image (JSON) or an image file (multipart,
 * as `POST /v1/segments/image`). Nothing is stored.
 */
export function segmentRoutes(app: Express, collection: Collection, limits: UploadLimits): void {
  const answer = async (pictured: Pictured, clicks: Clicks) => {
    const { mask, ...rest } = await collection.segment(pictured, clicks);
    return { ...rest, mask: (await encodeMask(mask)).toString("base64") };
  };

  const ofImage: RequestHandler = async (request, response) => {
    const images = uploadedImages(request);
    if (images.length > 1) {
      throw new AppError("invalid_request", `Expected one image with a thing but received ${images.length}.`);
    }
    const { point, outside } = parse(imageSegmentSchema, { ...request.body });
    response.json(await images[0]!.use((image) => answer({ image }, clicksOf(point, outside))));
  };

  const ofStored: RequestHandler = async (request, response) => {
    const { id, point, outside } = parse(jsonSegmentSchema, request.body);
    response.json(await answer({ id }, clicksOf(point, outside)));
  };

  app
    .route("/v1/segments")
    .post(
      (request, _response, next) => next(request.is("application/json") ? undefined : "route"),
      readJson(limits.space),
      ofStored,
    );
  for (const path of ["/v1/segments", "/v1/segments/image"]) {
    app.route(path).post(readMultipart(limits), ofImage).all(onlyMethods("POST"));
  }
}
