// Uploads: multipart bodies with image files in the field `image`.
import type { Request, RequestHandler } from "express";
import multer from "multer";
import { AppError } from "../../core/errors.ts";
import type { Config } from "../config.ts";
import { closeAfterAnswer } from "./problem.ts";
import type { ReceivedFile, UploadSpace } from "./upload-space.ts";

/** Limits on one request's body, and the space that the bodies of all requests share. */
export interface UploadLimits extends Pick<Config, "maxImageBytes" | "maxRequestBytes" | "maxImages"> {
  readonly space: UploadSpace;
}

/**
 * One uploaded file; its bytes are there until the request is answered. The name is only shown, never used as a path.
 */
export interface UploadedImage extends Pick<ReceivedFile, "use"> {
  readonly name: string;
}

/** What has been received of a request. */
interface Upload {
  fileBytes: number;
  /** Held until the request is answered. */
  readonly files: ReceivedFile[];
}

/** Fields beside the files; the form of a search has the most, ten. */
const MAX_FIELDS = 16;
const MAX_FIELD_BYTES = 1024 * 1024;

/**
 * Reads a multipart body: its files are then in {@link uploadedImages}, its fields in `request.body`.
 *
 * Fails with `unsupported_media_type` for another content type, `missing_image` for a file in another field,
 * `payload_too_large` for too many or too large files, `invalid_request` for a body that is cut off or malformed, and
 * `overloaded` where all requests together hold too much.
 */
export function readMultipart({ maxImageBytes, maxRequestBytes, maxImages, space }: UploadLimits): RequestHandler {
  const uploads = new WeakMap<Request, Upload>();
  const receive = multer({
    storage: storageOf(space, {
      onBytes(request, bytes) {
        const upload = uploads.get(request)!;
        upload.fileBytes += bytes;
        if (upload.fileBytes > maxRequestBytes) throw tooLarge(maxRequestBytes);
      },
      onFile: (request, file) => uploads.get(request)!.files.push(file),
    }),
    limits: {
      fileSize: maxImageBytes,
      files: maxImages,
      fields: MAX_FIELDS,
      parts: maxImages + MAX_FIELDS,
      fieldNameSize: 100,
      fieldSize: MAX_FIELD_BYTES,
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
    let isOver = false;
    const end = (error: AppError) => {
      if (isOver) return;
      isOver = true;
      closeAfterAnswer(request, response);
      next(error);
    };
    const fields = space.hold();
    const upload: Upload = { fileBytes: 0, files: [] };
    uploads.set(request, upload);
    response.once("close", () => {
      fields.release();
      for (const file of upload.files) file.discard();
    });
    // multer reads even a refused body to its end, and one without Content-Length may never end.
    request.on("data", (chunk: Buffer) => {
      received += chunk.length;
      if (received > limit) return end(tooLarge(maxRequestBytes));
      try {
        const others = received - upload.fileBytes; // multer does not keep what exceeds its limits
        if (!isOver) fields.set(Math.min(others, MAX_FIELDS * MAX_FIELD_BYTES));
      } catch (error) {
        end(error as AppError);
      }
    });
    receive(request, response, (error: unknown) => {
      if (isOver) return;
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
  return files.map((file) => ({ name: file.originalname, use: receivedFile(file).use }));
}

/** Receives files into the space. `onFile` gets each one, and discards it when the request is answered. */
function storageOf(
  space: UploadSpace,
  {
    onBytes,
    onFile,
  }: { onBytes: (request: Request, bytes: number) => void; onFile: (request: Request, file: ReceivedFile) => void },
): multer.StorageEngine {
  return {
    _handleFile(request, { stream }, done) {
      const count = (bytes: number) => onBytes(request, bytes);
      space.receive(stream, count).then(
        (received) => {
          if (request.res?.closed) received.discard();
          else onFile(request, received);
          done(null, { received } as Partial<Express.Multer.File>);
        },
        (error) => {
          stream.resume(); // the rest of the body is read to find its end
          done(error);
        },
      );
    },
    _removeFile(_request, file, done) {
      receivedFile(file).discard();
      done(null);
    },
  };
}

const receivedFile = (file: Express.Multer.File) => (file as unknown as { received: ReceivedFile }).received;

function tooLarge(limit: number): AppError {
  return new AppError("payload_too_large", `Expected at most ${limit} bytes of images in one request.`);
}
