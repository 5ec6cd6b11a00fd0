import type { Express } from "express";
import type { Collection } from "../../collection/collection.ts";
import { onlyMethods } from "../problem.ts";
import { facetsQuerySchema } from "../requests.ts";
import { parse } from "../validate.ts";

/** `GET /v1/facets`: which values the metadata has, and how often. */
export function facetRoutes(app: Express, collection: Collection): void {
  app
    .route("/v1/facets")
    .get(async (request, response) => {
      response.json(await collection.facets(parse(facetsQuerySchema, request.query)));
    })
    .all(onlyMethods("GET"));
}
