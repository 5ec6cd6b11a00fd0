import type { Express } from "express";
import { numbersOf } from "../../../core/vector.ts";
import type { Collection } from "../../collection/collection.ts";
import { readMultipart, type UploadLimits, uploadedImages } from "../multipart.ts";
import { onlyMethods } from "../problem.ts";
import { sendJson } from "../send-json.ts";

/** `POST /v1/embeddings`: embeds the images of a multipart body, all or none; nothing is stored. */
export function embeddingRoutes(app: Express, collection: Collection, limits: UploadLimits): void {
  app
    .route("/v1/embeddings")
    .post(readMultipart(limits), async (request, response) => {
      const { embeddings, ...rest } = await collection.embed(uploadedImages(request));
      sendJson(response, { ...rest, embeddings: embeddings.map(numbersOf) });
    })
    .all(onlyMethods("POST"));
}
