import { Router } from "express";
import { z } from "zod";
import { MEDIA_TYPES, makeThumbnail } from "../../core/decode.ts";
import { AppError } from "../../core/errors.ts";
import type { Collection } from "../collection.ts";
import type { ImageRecord, Metadata } from "../store/image-records.ts";
import { readMultipart, type UploadLimits, uploadedImages } from "./multipart.ts";
import { onlyMethods, type Problem, sendProblem, toProblem } from "./problem.ts";
import { parse } from "./validate.ts";

const metadataSchema = z.record(z.string(), z.unknown());

const listSchema = z.strictObject({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z
    .string()
    .transform((cursor) => Number(Buffer.from(cursor, "base64url").toString()))
    .refine((number) => Number.isSafeInteger(number) && number > 0, "expected a cursor that a list gave")
    .optional(),
});

const contentSchema = z.strictObject({
  /** Longest side of a thumbnail, pixels. */
  size: z.coerce.number().int().min(16).max(2048).optional(),
});

/** A file of an upload that was not stored: its place among the files, from 0, its name, and why. */
interface RefusedFile extends Problem {
  readonly index: number;
  readonly name: string;
}

/**
 * `/v1/images`: upload, list, read, delete.
 *
 * An upload of several files stores every file that it can: 201 with the stored `images`, and `errors` for the others.
 * Where none could be stored the first file's problem is the answer.
 */
export function imageRoutes(collection: Collection, limits: UploadLimits): Router {
  const router = Router();

  router
    .route("/v1/images")
    .post(readMultipart(limits), async (request, response) => {
      const files = uploadedImages(request);
      const metadata = parseMetadata(request.body?.metadata, files.length);
      const settled = await Promise.allSettled(files.map(({ bytes }, i) => collection.add(bytes, metadata[i]!)));
      const images: ImageRecord[] = [];
      const errors: RefusedFile[] = [];
      for (const [index, result] of settled.entries()) {
        if (result.status === "fulfilled") {
          images.push(result.value);
          continue;
        }
        const problem = toProblem(result.reason);
        if (problem.code === "internal") request.log.error({ err: result.reason }, "an upload failed");
        errors.push({ index, name: files[index]!.name, ...problem });
      }
      if (images.length > 0) response.status(201).json({ images, errors });
      else sendProblem(response, toProblem((settled[0] as PromiseRejectedResult).reason));
    })
    .get((request, response) => {
      const { limit, cursor } = parse(listSchema, request.query);
      const { images, next } = collection.list(limit, cursor);
      response.json({ images, ...(next ? { nextCursor: Buffer.from(String(next)).toString("base64url") } : {}) });
    })
    .all(onlyMethods("GET", "POST"));

  router
    .route("/v1/images/:id")
    .get((request, response) => {
      response.json(collection.get(request.params.id));
    })
    .delete(async (request, response) => {
      await collection.remove(request.params.id);
      response.status(204).end();
    })
    .all(onlyMethods("GET", "DELETE"));

  router
    .route("/v1/images/:id/content")
    .get(async (request, response) => {
      const { size } = parse(contentSchema, request.query);
      const { image, bytes } = await collection.read(request.params.id);
      response.set({
        // The bytes of an id never change.
        "Cache-Control": "private, max-age=31536000, immutable",
        ETag: `"${image.sha256}${size ? `-${size}` : ""}"`,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'",
      });
      if (request.fresh) return void response.status(304).end();
      if (size) response.type("image/webp").send(await makeThumbnail(bytes, size));
      else response.type(MEDIA_TYPES[image.type]).send(bytes);
    })
    .all(onlyMethods("GET"));

  return router;
}

/** One metadata object for each of `count` files: the same for all, or an array of as many. */
function parseMetadata(text: unknown, count: number): Metadata[] {
  let json: unknown;
  try {
    json = text === undefined ? {} : JSON.parse(String(text));
  } catch {
    throw new AppError("invalid_request", "Expected `metadata` to be JSON.");
  }
  if (!Array.isArray(json))
    return Array(count).fill(parse(z.object({ metadata: metadataSchema }), { metadata: json }).metadata);
  return parse(z.object({ metadata: z.array(metadataSchema).length(count) }), { metadata: json }).metadata;
}
