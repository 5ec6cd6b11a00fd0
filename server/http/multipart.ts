// Uploads: multipart bodies with image files in the field `image`.
import type { Request, RequestHandler } from "express";
import multer from "multer";
import { AppError } from "../../core/errors.ts";
import type { Config } from "../config.ts";

/** Limits on one request's body. */
export type UploadLimits = Pick<Config, "maxImageBytes" | "maxRequestBytes" | "maxImages">;

/** One uploaded file. The name is only ever shown, never used as a path. */
export interface UploadedImage {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Time to read the answer, for a client that is still sending a body that was refused. */
const LINGER_MS = 1000;

/**
 * Reads a multipart body into memory; {@link uploadedImages} and `request.body` have it then.
 *
 * Refuses with `unsupported_media_type` another content type, with `missing_image` a file in another field, with
 * `payload_too_large` too many or too large files, and with `invalid_request` a body that is cut off or malformed.
 */
export function readMultipart({ maxImageBytes, maxRequestBytes, maxImages }: UploadLimits): RequestHandler {
  const receive = multer({
    storage: memoryWithin(maxRequestBytes),
    limits: {
      fileSize: maxImageBytes,
      files: maxImages,
      fields: 16,
      parts: maxImages + 16,
      fieldNameSize: 100,
      fieldSize: 1024 * 1024,
      fieldNestingDepth: 1,
      fieldArrayIndexLimit: 0,
      headerPairs: 32,
    },
    fileFilter: (_request, { fieldname }, accept) => {
      if (fieldname === "image") return accept(null, true);
      accept(new AppError("missing_image", `Expected files in the field "image" but received one in "${fieldname}".`));
    },
  }).any();

  return (request, response, next) => {
    if (!request.is("multipart/form-data")) {
      const type = request.get("content-type") ?? "none";
      throw new AppError(
        "unsupported_media_type",
        `Expected multipart/form-data with the image in the field "image" but the content type is ${type}.`,
      );
    }
    const limit = maxRequestBytes + 1024 * 1024;
    if (Number(request.get("content-length") ?? 0) > limit) throw tooLarge(maxRequestBytes);
    let received = 0;
    // multer reads a body that it refuses to its end. A body that does not say its length may have none.
    request.on("data", (chunk: Buffer) => {
      const before = received;
      received += chunk.length;
      if (before > limit || received <= limit) return;
      // Closed at once, the client would meet a reset before the answer.
      response.once("finish", () => setTimeout(() => request.destroy(), LINGER_MS).unref());
      next(tooLarge(maxRequestBytes));
    });
    receive(request, response, (error: unknown) => {
      if (received > limit) return;
      if (!error) return next();
      const isKnown = error instanceof AppError || error instanceof multer.MulterError;
      next(isKnown ? error : new AppError("invalid_request", `The body is not whole multipart: ${String(error)}.`));
    });
  };
}

/**
 * The files of a request that {@link readMultipart} has read, in the order in which they were sent.
 *
 * @throws AppError `missing_image` where there is none.
 */
export function uploadedImages(request: Request): UploadedImage[] {
  const files = Array.isArray(request.files) ? request.files : [];
  if (files.length === 0) {
    throw new AppError("missing_image", 'Expected at least one image file in the multipart field "image".');
  }
  return files.map(({ originalname, buffer }) => ({ name: originalname, bytes: buffer }));
}

/** Keeps files in memory, all files of one request within `limit` bytes. */
function memoryWithin(limit: number): multer.StorageEngine {
  const received = new WeakMap<Request, number>();
  return {
    _handleFile(request, file, done) {
      const chunks: Buffer[] = [];
      file.stream.on("error", done);
      file.stream.on("data", (chunk: Buffer) => {
        const total = (received.get(request) ?? 0) + chunk.length;
        received.set(request, total);
        if (total <= limit) chunks.push(chunk);
        else done(tooLarge(limit));
      });
      file.stream.on("end", () => done(null, { buffer: Buffer.concat(chunks) }));
    },
    _removeFile: (_request, _file, done) => done(null),
  };
}

function tooLarge(limit: number): AppError {
  return new AppError("payload_too_large", `Expected at most ${limit} bytes of images in one request.`);
}
