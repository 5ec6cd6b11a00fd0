// Errors that cross a channel between processes: code and message.
import { AppError, ERRORS, type ErrorCode } from "../../core/errors.ts";

/** An error that can be sent. */
export interface PlainError {
  readonly code?: ErrorCode;
  readonly message: string;
}

export function toPlainError(error: unknown): PlainError {
  if (error instanceof AppError) return { code: error.code, message: error.message };
  return { message: error instanceof Error ? error.message : String(error) };
}

export function fromPlainError({ code, message }: PlainError): Error {
  return code && code in ERRORS ? new AppError(code, message) : new Error(message);
}
