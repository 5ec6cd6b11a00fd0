// What clients send, checked by zod schemas.
import { z } from "zod";
import { AppError, type ErrorCode } from "../../core/errors.ts";
import { excessOf } from "../domain/json-limits.ts";

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

const shorten = (text: string) => (text.length > MAX_PROBLEM_LENGTH ? `${text.slice(0, MAX_PROBLEM_LENGTH)}…` : text);

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
