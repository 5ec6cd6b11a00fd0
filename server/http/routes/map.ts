import { Router } from "express";
import type { ReadMap } from "../../collection/map/collection-map.ts";
import { onlyMethods } from "../problem.ts";

/** `GET /v1/map`: the collection laid out in two dimensions by its embeddings. */
export function mapRoutes(readMap: ReadMap): Router {
  const router = Router();
  router
    .route("/v1/map")
    .get(async (_request, response) => {
      response.json(await readMap());
    })
    .all(onlyMethods("GET"));
  return router;
}
