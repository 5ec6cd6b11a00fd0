// One table of all failures that a user can meet: stable code, HTTP status, title, and when to try again. The message
// of a thrown AppError says what was expected, what came and what to do.

/** What all failures with the same code have in common. */
export interface ErrorKind {
  readonly status: number;
  readonly title: string;
  readonly retryAfter?: number;
}

/**
 * Stable code → HTTP status and title (RFC 9457), and `retryAfter` in seconds where the same request may soon succeed.
 * The command line prints the same codes.
 */
export const ERRORS = {
  invalid_request: { status: 400, title: "The request is not valid" },
  invalid_vector: { status: 400, title: "The vector is not valid" },
  cursor_expired: { status: 410, title: "The cursor is of another generation" },
  idempotency_key_reused: { status: 422, title: "The idempotency key belongs to another upload" },
  unauthorized: { status: 401, title: "An API key is needed" },
  forbidden: { status: 403, title: "The API key does not allow this" },
  rate_limited: { status: 429, title: "Too many requests" },
  missing_image: { status: 400, title: "No image was sent" },
  empty_image: { status: 400, title: "The image is empty" },
  corrupt_image: { status: 422, title: "The image cannot be decoded" },
  unsupported_image_type: { status: 415, title: "The image type is not supported" },
  image_too_many_pixels: { status: 413, title: "The image has too many pixels" },
  payload_too_large: { status: 413, title: "The request is too large" },
  unsupported_media_type: { status: 415, title: "The content type is not supported" },
  not_found: { status: 404, title: "There is nothing at this address" },
  method_not_allowed: { status: 405, title: "This address does not take that method" },
  image_not_found: { status: 404, title: "There is no such image" },
  image_deleted: { status: 410, title: "The image was deleted" },
  model_not_found: { status: 404, title: "There is no such model" },
  swap_not_found: { status: 404, title: "There is no such swap" },
  invalid_model: { status: 422, title: "The model cannot be used" },
  worse_model: { status: 422, title: "The model finds less than the active one" },
  no_embedding: { status: 422, title: "The model has no embedding for this image" },
  no_cells: { status: 422, title: "The model cannot embed a part of an image" },
  model_active: { status: 409, title: "The model is active already" },
  model_exists: { status: 409, title: "A model of that name exists" },
  swap_in_progress: { status: 409, title: "Another swap is running" },
  swap_finished: { status: 409, title: "The swap has ended" },
  not_in_review: { status: 409, title: "The swap does not wait for approval" },
  trainings_off: { status: 403, title: "This server starts no trainings" },
  training_not_found: { status: 404, title: "There is no such training" },
  training_exists: { status: 409, title: "A training of that name exists" },
  training_in_progress: { status: 409, title: "A training is running" },
  training_ended: { status: 409, title: "The training does not run" },
  no_previous_generation: { status: 409, title: "There is nothing to roll back to" },
  generation_replaced: { status: 503, title: "Another model answers now", retryAfter: 1 },
  not_ready: { status: 503, title: "The server is not ready", retryAfter: 2 },
  overloaded: { status: 503, title: "The server is busy", retryAfter: 1 },
  index_unavailable: { status: 503, title: "The index is not available", retryAfter: 2 },
  encoder_unavailable: { status: 503, title: "The encoder is not available", retryAfter: 2 },
  storage_unavailable: { status: 503, title: "The storage is not available", retryAfter: 2 },
  file_damaged: { status: 500, title: "A stored file is missing or damaged" },
  storage_full: { status: 507, title: "The disk is full" },
  invalid_configuration: { status: 500, title: "The configuration is not valid" },
  invalid_dataset: { status: 422, title: "The images cannot be trained on" },
  invalid_checkpoint: { status: 422, title: "The checkpoint cannot be used" },
  device_unavailable: { status: 500, title: "The device is not available" },
  internal: { status: 500, title: "Something went wrong inside the server" },
} as const satisfies Record<string, ErrorKind>;

/** One of the stable codes of {@link ERRORS}. */
export type ErrorCode = keyof typeof ERRORS;

/** A failure whose message is meant for the user; any other error is a bug. */
export class AppError extends Error {
  override readonly name = "AppError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** True where `error` is an {@link AppError} of this code. */
export function hasCode(error: unknown, code: ErrorCode): error is AppError {
  return error instanceof AppError && error.code === code;
}

/** True where `error` is a Node system error with this code, such as `ENOENT`. */
export function hasErrno(error: unknown, code: string): error is NodeJS.ErrnoException {
  return error instanceof Error && "code" in error && error.code === code;
}
