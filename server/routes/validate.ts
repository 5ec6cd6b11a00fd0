import type { z } from "zod";
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
