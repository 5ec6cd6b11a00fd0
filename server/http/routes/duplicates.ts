import type { Express } from "express";
import type { Collection } from "../../collection/collection.ts";
import { onlyMethods } from "../problem.ts";
import { duplicatesQuerySchema } from "../requests.ts";
import { parse } from "../validate.ts";

/** `GET /v1/duplicates`: groups of images that are nearly, or exactly, the same. */
export function duplicateRoutes(app: Express, collection: Collection): void {
  app
    .route("/v1/duplicates")
    .get(async (request, response) => {
      const { threshold, limit } = parse(duplicatesQuerySchema, request.query);
      const { groups, ...answer } = await collection.duplicates(threshold);
      response.json({ ...answer, total: groups.length, groups: groups.slice(0, limit) });
    })
    .all(onlyMethods("GET"));
}
