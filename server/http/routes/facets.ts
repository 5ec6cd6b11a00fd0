import { Router } from "express";
import type { Collection } from "../../collection/collection.ts";
import { onlyMethods } from "../problem.ts";
import { facetsQuerySchema } from "../requests.ts";
import { parse } from "../validate.ts";

/** `GET /v1/facets`: which values the metadata has, and how often. */
export function facetRoutes(collection: Collection): Router {
  const router = Router();
  router
    .route("/v1/facets")
    .get(async (request, response) => {
      response.json(await collection.facets(parse(facetsQuerySchema, request.query)));
    })
    .all(onlyMethods("GET"));
  return router;
}
