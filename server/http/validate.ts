// What clients send, checked by zod schemas.
import express, { type RequestHandler, Router } from "express";
import { z } from "zod";
import { AppError, type ErrorCode } from "../../core/errors.ts";

/**
 * Parses what a client sent.
 *
 * @param codeOf The code of a problem by the first part of its path. Default: `invalid_request`.
 * @throws AppError that names every problem.
 */
export function parse<T>(
  schema: z.ZodType<T>,
  value: unknown,
  codeOf: (field: PropertyKey | undefined) => ErrorCode = () => "invalid_request",
): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const shown = parsed.error.issues.slice(0, 5);
  const problems = shown.map(({ path, message }) => (path.length > 0 ? `${path.join(".")}: ${message}` : message));
  throw new AppError(codeOf(shown[0]?.path[0]), `${problems.join("; ")}.`);
}

/** Levels of lists and objects that JSON from outside may have. Code that walks JSON recurses, and stacks are finite. */
const MAX_DEPTH = 32;

/** True where JSON is nested no deeper than is accepted. Does not recurse. */
export function isShallow(json: unknown): boolean {
  const isNested = (value: unknown) => typeof value === "object" && value !== null;
  let level: unknown[] = [json].filter(isNested);
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return false;
    level = level.flatMap((value) => Object.values(value as object).filter(isNested));
  }
  return true;
}

/** Reads a JSON body of at most 2 MB into `request.body`. Refuses another content type, and what is nested too deeply. */
export function readJson(...types: string[]): RequestHandler {
  const accepted = ["application/json", ...types];
  return Router().use(
    (request, _response, next) => {
      if (request.is(accepted)) return next();
      const type = request.get("content-type") ?? "none";
      throw new AppError(
        "unsupported_media_type",
        `Expected ${accepted.join(" or ")} but the content type is ${type}.`,
      );
    },
    express.json({ limit: "2mb", type: accepted }),
    (request, _response, next) => {
      if (isShallow(request.body)) return next();
      throw new AppError("invalid_request", `Expected JSON of at most ${MAX_DEPTH} levels but it has more.`);
    },
  );
}

/** JSON in a text, such as a query parameter or a field of a form, that fits `schema`. */
export function jsonText<T>(schema: z.ZodType<T, T>) {
  return z
    .string()
    .transform((text, context): unknown => {
      try {
        const json: unknown = JSON.parse(text);
        if (isShallow(json)) return json;
        context.addIssue(`expected JSON of at most ${MAX_DEPTH} levels`);
      } catch {
        context.addIssue("expected JSON");
      }
      return z.NEVER;
    })
    .pipe(schema as z.ZodType<T, unknown>);
}

/** An opaque text that stands for `T`: its JSON in base64url. */
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
