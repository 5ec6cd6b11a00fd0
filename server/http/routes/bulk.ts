// Many images at once. Each is changed or deleted for itself, so that a request that was interrupted is sent again.
import type { Express } from "express";
import pMap from "p-map";
import { AppError, hasCode } from "../../../core/errors.ts";
import type { Collection } from "../../collection/collection.ts";
import type { Metadata } from "../../domain/image.ts";
import { readJson } from "../json-body.ts";
import { mergePatch } from "../merge-patch.ts";
import type { UploadLimits } from "../multipart.ts";
import { onlyMethods } from "../problem.ts";
import { archiveSchema, bulkDeleteSchema, bulkPatchSchema, metadataSchema } from "../requests.ts";
import { sendStream } from "../send-stream.ts";
import { parse } from "../validate.ts";

/** Images changed or deleted at a time. */
const AT_ONCE = 8;

/** `PATCH /v1/images`, `POST /v1/images/delete` and `POST /v1/images/archive`. Other methods of `/v1/images` are left to the routes after these. */
export function bulkRoutes(app: Express, collection: Collection, limits: UploadLimits): void {
  app.route("/v1/images").patch(readJson(limits.space), async (request, response) => {
    const { ids, metadata } = parse(bulkPatchSchema, request.body);
    const { done, missing } = await withEach(ids, (id) => {
      const change = (before: Metadata) => parseOf(id, mergePatch(before, metadata));
      return collection.changeMetadata(id, change);
    });
    response.json({ changed: done, missing });
  });
  app
    .route("/v1/images/delete")
    .post(readJson(limits.space), async (request, response) => {
      const { ids } = parse(bulkDeleteSchema, request.body);
      const { done, missing } = await withEach(ids, collection.remove);
      response.json({ deleted: done, missing });
    })
    .all(onlyMethods("POST"));
  app
    .route("/v1/images/archive")
    .post(readJson(limits.space), async (request, response) => {
      const { ids } = parse(archiveSchema, request.body);
      const archive = await collection.archive(ids);
      await sendStream(response.attachment("images.zip"), archive);
    })
    .all(onlyMethods("POST"));
}

/** Does something with each image, a few at a time: with how many it was done, and which are not there. */
async function withEach(
  ids: readonly string[],
  action: (id: string) => Promise<unknown>,
): Promise<{ done: number; missing: string[] }> {
  const there = async (id: string) => {
    try {
      await action(id);
      return true;
    } catch (error) {
      if (hasCode(error, "image_not_found")) return false;
      throw error;
    }
  };
  const distinct = [...new Set(ids)];
  const found = await pMap(distinct, there, { concurrency: AT_ONCE });
  const missing = distinct.filter((_, i) => !found[i]);
  return { done: distinct.length - missing.length, missing };
}

/** Checks the metadata that an image would have; a problem names the image. */
function parseOf(id: string, metadata: Metadata): Metadata {
  try {
    return parse(metadataSchema, metadata);
  } catch (error) {
    if (!hasCode(error, "invalid_request")) throw error;
    throw new AppError("invalid_request", `Image ${id}: ${error.message} Others of the request may be changed.`, {
      cause: error,
    });
  }
}
