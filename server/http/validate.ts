// What clients send, checked by zod schemas.
import express, { type RequestHandler } from "express";
import { z } from "zod";
import { AppError, type ErrorCode } from "../../core/errors.ts";
import { excessOf } from "../domain/json-limits.ts";
import { closeAfterAnswer } from "./problem.ts";
import type { UploadSpace } from "./upload-space.ts";

/** Most problems that an answer names, and most characters of each. */
const MAX_PROBLEMS = 5;
const MAX_PROBLEM_LENGTH = 200;

/**
 * Parses what a client sent.
 *
 * @param codeOf The code of a problem by the first part of its path. Default: `invalid_request`.
 * @throws AppError that names the first problems.
 */
export function parse<T>(
  schema: z.ZodType<T>,
  value: unknown,
  codeOf: (field: PropertyKey | undefined) => ErrorCode = () => "invalid_request",
): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const shown = parsed.error.issues.slice(0, MAX_PROBLEMS);
  const problems = shown.map(({ path, message }) =>
    shorten(path.length > 0 ? `${path.join(".")}: ${message}` : message),
  );
  throw new AppError(codeOf(shown[0]?.path[0]), `${problems.join("; ")}.`);
}

/** Bytes of a JSON body. */
const MAX_JSON_BYTES = 2 * 1024 * 1024;

const shorten = (text: string) => (text.length > MAX_PROBLEM_LENGTH ? `${text.slice(0, MAX_PROBLEM_LENGTH)}…` : text);

/**
 * Reads a JSON body of at most 2 MB into `request.body`. Refuses other content types, and too many values or levels.
 */
export function readJson(space: UploadSpace, ...types: string[]): RequestHandler[] {
  const accepted = ["application/json", ...types];
  return [
    (request, _response, next) => {
      if (request.is(accepted)) return next();
      const type = request.get("content-type") ?? "none";
      throw new AppError(
        "unsupported_media_type",
        `Expected ${accepted.join(" or ")} but the content type is ${type}.`,
      );
    },
    (request, response, next) => {
      const body = space.hold();
      response.once("close", body.release);
      let received = 0;
      request.on("data", (chunk: Buffer) => {
        received += chunk.length;
        try {
          if (received <= MAX_JSON_BYTES) body.set(received);
        } catch (error) {
          request.pause();
          closeAfterAnswer(request, response);
          next(error);
        }
      });
      next();
    },
    // A compressed body would hold more than its Content-Length says.
    express.json({ limit: MAX_JSON_BYTES, type: accepted, inflate: false }),
    (request, _response, next) => {
      const excess = excessOf(request.body);
      if (excess) throw new AppError("invalid_request", `The JSON is refused: ${excess}.`);
      next();
    },
  ];
}

/** JSON in a text, such as a query parameter or a field of a form, that fits `schema`. */
export function jsonText<T>(schema: z.ZodType<T, T>) {
  return z
    .string()
    .transform((text, context): unknown => {
      try {
        const json: unknown = JSON.parse(text);
        const excess = excessOf(json);
        if (!excess) return json;
        context.addIssue(excess);
      } catch {
        context.addIssue("expected JSON");
      }
      return z.NEVER;
    })
    .pipe(schema as z.ZodType<T, unknown>);
}

/** Writes a value as an opaque text: its JSON in base64url. */
export function writeCursor(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

/** A cursor that {@link writeCursor} made of a value that fits `schema`. */
export function cursorOf<T>(schema: z.ZodType<T, T>) {
  return z
    .string()
    .max(200)
    .transform((text, context): T => {
      try {
        return schema.parse(JSON.parse(Buffer.from(text, "base64url").toString()));
      } catch {
        context.addIssue("expected a cursor that an answer gave");
        return z.NEVER;
      }
    });
}
