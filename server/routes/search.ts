import express, { type RequestHandler, Router } from "express";
import { z } from "zod";
import { AppError } from "../../core/errors.ts";
import type { Collection, Query } from "../collection.ts";
import { readMultipart, type UploadLimits, uploadedImages } from "./multipart.ts";
import { onlyMethods } from "./problem.ts";
import { parse } from "./validate.ts";

/** What every search takes. */
const optionsOf = (number: z.ZodNumber) => ({
  k: number.int().min(1).max(1000).default(10),
  minScore: number.min(-1).max(1).optional(),
});

// In a multipart body numbers come as text.
const imageSearchSchema = z.strictObject(optionsOf(z.coerce.number()));

const jsonSearchSchema = z
  .strictObject({
    id: z.string().min(1).max(64).optional(),
    vector: z.array(z.number()).max(65536).optional(),
    ...optionsOf(z.number()),
  })
  .refine(({ id, vector }) => (id === undefined) !== (vector === undefined), "expected either `id` or `vector`");

/** `POST /v1/search`: by an image file (multipart), a stored image or a vector (JSON). */
export function searchRoutes(collection: Collection, limits: UploadLimits): Router {
  const byImage: RequestHandler = async (request, response) => {
    const images = uploadedImages(request);
    if (images.length > 1) {
      throw new AppError("invalid_request", `Expected one image to search with but received ${images.length}.`);
    }
    const options = parse(imageSearchSchema, { ...request.body });
    response.json(await collection.search({ image: images[0]!.bytes }, options));
  };

  const byIdOrVector: RequestHandler = async (request, response) => {
    const codeOf = (field: PropertyKey | undefined) => (field === "vector" ? "invalid_vector" : "invalid_request");
    const { id, vector, ...options } = parse(jsonSearchSchema, request.body, codeOf);
    const query: Query = vector ? { vector } : { id: id! };
    response.json(await collection.search(query, options));
  };

  const readJson = express.json({ limit: "2mb" });
  const multipart = readMultipart(limits);
  const router = Router();
  router
    .route("/v1/search")
    .post(
      (request, response, next) => (request.is("application/json") ? readJson : multipart)(request, response, next),
      (request, response, next) => (request.is("application/json") ? byIdOrVector : byImage)(request, response, next),
    )
    .all(onlyMethods("POST"));
  return router;
}
