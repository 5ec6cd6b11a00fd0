import type { Express } from "express";
import { AppError } from "../../../core/errors.ts";
import { MEDIA_TYPES, sniffImageType } from "../../../core/image-type.ts";
import type { Collection } from "../../collection/collection.ts";
import type { Image, Metadata } from "../../domain/image.ts";
import { logOf } from "../../log.ts";
import { readJson } from "../json-body.ts";
import { mergePatch } from "../merge-patch.ts";
import { readMultipart, type UploadLimits, uploadedImages } from "../multipart.ts";
import { onlyMethods, type Problem, sendProblem, toProblem } from "../problem.ts";
import {
  contentQuerySchema,
  knownQuerySchema,
  listQuerySchema,
  metadataSchema,
  patchSchema,
  uploadFieldsSchema,
  uploadHeadersSchema,
} from "../requests.ts";
import { sendStream } from "../send-stream.ts";
import { parse, writeCursor } from "../validate.ts";

/** A file of an upload that was not stored: its place among the files, from 0, its name, and why. */
interface RefusedFile extends Problem {
  readonly index: number;
  readonly name: string;
}

/**
 * `/v1/images`: upload, list, read, change, delete.
 *
 * An upload of several files stores every file that it can: 201 with the stored `images`, and `errors` for the others.
 * Where none could be stored the first file's problem is the answer.
 */
export function imageRoutes(app: Express, collection: Collection, limits: UploadLimits): void {
  app
    .route("/v1/images")
    .post(readMultipart(limits), async (request, response) => {
      const files = uploadedImages(request);
      const metadata = metadataOfEach(parse(uploadFieldsSchema, { ...request.body }).metadata ?? {}, files.length);
      const { "idempotency-key": key } = parse(uploadHeadersSchema, request.headers);
      const settled = await Promise.allSettled(
        files.map((file, position) =>
          file.use((bytes) =>
            collection.add(bytes, metadata[position]!, key ? { key, position, files: files.length } : undefined),
          ),
        ),
      );
      const images: Image[] = [];
      const errors: RefusedFile[] = [];
      for (const [index, result] of settled.entries()) {
        if (result.status === "fulfilled") {
          images.push(result.value);
          continue;
        }
        const problem = toProblem(result.reason);
        if (problem.code === "internal") logOf(request).error({ err: result.reason }, "an upload failed");
        errors.push({ index, name: files[index]!.name, ...problem });
      }
      if (images.length > 0) response.status(201).json({ images, errors });
      else sendProblem(response, toProblem((settled[0] as PromiseRejectedResult).reason));
    })
    .get(async (request, response) => {
      const { limit, order, cursor, filter } = parse(listQuerySchema, request.query);
      const { images, next } = await collection.list(limit, { order, after: cursor?.after, filter });
      const total = cursor ? undefined : next ? await collection.count(filter) : images.length;
      response.json({ images, total, nextCursor: next && writeCursor({ order, after: next }) });
    })
    .all(onlyMethods("GET", "PATCH", "POST"));

  app
    .route("/v1/images/known")
    .post(readJson(limits.space), async (request, response) => {
      const { sha256 } = parse(knownQuerySchema, request.body);
      response.json({ known: await collection.known(sha256) });
    })
    .all(onlyMethods("POST"));

  app
    .route("/v1/images/:id")
    .get(async (request, response) => {
      response.json(await collection.get(request.params.id));
    })
    .patch(readJson(limits.space, "application/merge-patch+json"), async (request, response) => {
      const { metadata } = parse(patchSchema, request.body);
      const change = (before: Metadata) => parse(metadataSchema, mergePatch(before, metadata));
      response.json(await collection.changeMetadata(request.params.id!, change));
    })
    .delete(async (request, response) => {
      await collection.remove(request.params.id);
      response.status(204).end();
    })
    .all(onlyMethods("GET", "PATCH", "DELETE"));

  app
    .route("/v1/images/:id/content")
    .get(async (request, response) => {
      const { size } = parse(contentQuerySchema, request.query);
      const image = await collection.get(request.params.id);
      const { id, type, sha256, bytes } = image;
      response.set({
        // The bytes of an id never change.
        "Cache-Control": "private, max-age=31536000, immutable",
        ETag: `"${sha256}${size ? `-${size}` : ""}"`,
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'",
      });
      if (request.fresh) return void response.status(304).end();
      if (size) {
        const thumbnail = await collection.thumbnail(image, size);
        return void response
          .type(MEDIA_TYPES[sniffImageType(thumbnail)!])
          .send(Buffer.from(thumbnail.buffer, thumbnail.byteOffset, thumbnail.length));
      }
      const file = await collection.open(id);
      response.type(MEDIA_TYPES[type]).set("Content-Length", String(bytes));
      if (request.method !== "HEAD") return sendStream(response, file);
      file.destroy();
      response.end();
    })
    .all(onlyMethods("GET"));
}

/** One metadata object for each of `count` files: the same for all, or one of a list of as many. */
function metadataOfEach(metadata: Metadata | Metadata[], count: number): Metadata[] {
  if (!Array.isArray(metadata)) return Array(count).fill(metadata);
  if (metadata.length === count) return metadata;
  throw new AppError("invalid_request", `Expected \`metadata\` for ${count} files but received ${metadata.length}.`);
}
