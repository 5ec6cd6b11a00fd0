// Failures as application/problem+json (RFC 9457).
import type { ErrorRequestHandler, Request, RequestHandler, Response } from "express";
import multer from "multer";
import { AppError, ERRORS, type ErrorCode, type ErrorKind } from "../../core/errors.ts";
import { logOf } from "../log.ts";

/** A failure in the fields of RFC 9457; `code` is stable, `detail` is for people. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
}

/** Milliseconds that a client gets to read the answer while it still sends a refused body. */
const LINGER_MS = 1000;

/** An error as a problem. An unexpected error becomes `internal` and shows nothing of itself. */
export function toProblem(error: unknown): Problem {
  const { code, message } = asAppError(error);
  const { status, title } = ERRORS[code];
  return { type: `urn:moco-search:problem:${code}`, title, status, code, detail: message };
}

/** Answers with a problem, without the ETag and Cache-Control of what was asked for. */
export function sendProblem(response: Response, problem: Problem): void {
  for (const header of ["ETag", "Cache-Control"]) response.removeHeader(header);
  const { retryAfter }: ErrorKind = ERRORS[problem.code];
  if (retryAfter) response.set("Retry-After", String(retryAfter));
  response.status(problem.status).type("application/problem+json").send(JSON.stringify(problem));
}

/**
 * Ends a request whose body is still coming. If it were closed at once, the client would see a reset, not the answer.
 */
export function closeAfterAnswer(request: Request, response: Response): void {
  response.once("finish", () => setTimeout(() => request.destroy(), LINGER_MS).unref());
}

/** The last handler: answers every error of the handlers before it. */
export const problemHandler: ErrorRequestHandler = (error, request, response, next) => {
  const problem = toProblem(error);
  if (problem.status === 500) logOf(request).error({ err: error }, "a request failed");
  if (response.headersSent) next(error);
  else sendProblem(response, problem);
};

/** Answers requests that no route took. */
export const notFoundHandler: RequestHandler = (request) => {
  throw new AppError("not_found", `There is nothing at ${request.method} ${request.path}.`);
};

/** Answers other methods of a known path. */
export function onlyMethods(...methods: readonly string[]): RequestHandler {
  return (request, response) => {
    response.set("Allow", methods.join(", "));
    throw new AppError("method_not_allowed", `Expected ${methods.join(" or ")} but received ${request.method}.`);
  };
}

function asAppError(error: unknown): AppError {
  if (error instanceof AppError) return error;
  if (error instanceof multer.MulterError) return fromMulter(error);
  const status = error instanceof Error && "status" in error ? error.status : undefined;
  const message = error instanceof Error ? error.message : "";
  if (typeof status === "number" && status >= 400 && status < 500) {
    return new AppError("invalid_request", `The request cannot be read: ${message}.`);
  }
  return new AppError("internal", "The server failed to answer. Its log says why.");
}

function fromMulter({ code, message, field }: multer.MulterError): AppError {
  const tooLarge = [
    "LIMIT_FILE_SIZE",
    "LIMIT_FILE_COUNT",
    "LIMIT_PART_COUNT",
    "LIMIT_FIELD_COUNT",
    "LIMIT_FIELD_VALUE",
  ];
  const where = field ? ` (field "${field}")` : "";
  return new AppError(tooLarge.includes(code) ? "payload_too_large" : "invalid_request", `${message}${where}.`);
}
