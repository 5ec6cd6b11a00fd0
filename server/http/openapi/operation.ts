// What the operations of the OpenAPI document are made with.
import { z } from "zod";
import type { ZodOpenApiOperationObject, ZodOpenApiResponseObject } from "zod-openapi";
import { ERRORS, type ErrorCode } from "../../../core/errors.ts";
import * as responses from "../responses.ts";

/** The bytes of a file. */
export const file = z.string().meta({ format: "binary", type: "string" });
/** Failures that any request may meet. */
const ALWAYS: ErrorCode[] = ["unauthorized", "forbidden", "rate_limited", "storage_unavailable", "internal"];
/** Failures of a request with images that are embedded. */
export const UPLOAD: ErrorCode[] = [
  "missing_image",
  "empty_image",
  "invalid_request",
  "payload_too_large",
  "image_too_many_pixels",
  "unsupported_image_type",
  "unsupported_media_type",
  "corrupt_image",
  "no_embedding",
  "overloaded",
  "encoder_unavailable",
  "not_ready",
];
/** The failures of an operation, by status. */
export function problems(codes: readonly ErrorCode[]): ZodOpenApiOperationObject["responses"] {
  const all = [...codes, ...ALWAYS];
  return Object.fromEntries(
    all.map((code) => {
      const { status } = ERRORS[code];
      const same = all.filter((other) => ERRORS[other].status === status);
      const description = same.map((other) => `\`${other}\`: ${ERRORS[other].title}`).join("; ");
      return [status, { description, content: { "application/problem+json": { schema: responses.problemSchema } } }];
    }),
  );
}

/** What an operation answers: its status, and the content by media type. */
type Success = readonly [status: string, content?: ZodOpenApiResponseObject["content"]];

/** Content that is JSON of a schema. */
export const json = (schema: z.ZodType) => ({ "application/json": { schema } });

/** An operation that answers `success`, or fails with one of `codes`. */
export function operation(
  operationId: string,
  summary: string,
  [status, content]: Success,
  codes: readonly ErrorCode[] = [],
  rest: Pick<ZodOpenApiOperationObject, "requestParams" | "requestBody"> = {},
): ZodOpenApiOperationObject {
  const success = { description: summary, ...(content && { content }) };
  // A parameter of the path may be written in a way that cannot be read, such as %zz.
  const all: readonly ErrorCode[] = rest.requestParams?.path ? ["invalid_request", ...codes] : codes;
  return { operationId, summary, ...rest, responses: { [status]: success, ...problems(all) } };
}

/** A form with these fields and the field `image`: one file, or several. */
export const formOf = (fields: z.ZodObject, image: z.ZodType) => ({
  "multipart/form-data": { schema: fields.extend({ image }) },
});
