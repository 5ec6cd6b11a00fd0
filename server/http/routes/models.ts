import type { Express } from "express";
import { hasEnded } from "../../domain/swap.ts";
import type { ModelCatalogue } from "../../models/catalogue.ts";
import type { Swaps } from "../../swap/swaps.ts";
import { onlyMethods } from "../problem.ts";
import { activateQuerySchema, swapListQuerySchema } from "../requests.ts";
import { parse } from "../validate.ts";
import { sendEvents } from "./events.ts";

/** Milliseconds between two looks at a swap that is followed. */
const LOOK_MS = 100;

/** `/v1/models` and `/v1/swaps`: what there is, what serves, and how it is replaced. `stopping` ends streams. */
export function modelRoutes(app: Express, models: ModelCatalogue, swaps: Swaps, stopping: AbortSignal): void {
  app
    .route("/v1/models")
    .get(async (_request, response) => {
      response.json(await models.list());
    })
    .all(onlyMethods("GET"));
  app
    .route("/v1/models/:name")
    .get(async (request, response) => {
      response.json(await models.get(request.params.name));
    })
    .all(onlyMethods("GET"));
  app
    .route("/v1/models/:name/activate")
    .post(async (request, response) => {
      const swap = await swaps.begin(request.params.name, parse(activateQuerySchema, request.query));
      response.status(202).location(`/v1/swaps/${swap.id}`).json({ swap });
    })
    .all(onlyMethods("POST"));
  app
    .route("/v1/rollback")
    .post(async (_request, response) => {
      const swap = await swaps.rollback();
      response.status(202).location(`/v1/swaps/${swap.id}`).json({ swap });
    })
    .all(onlyMethods("POST"));
  app
    .route("/v1/swaps")
    .get(async (request, response) => {
      response.json({ swaps: await swaps.list(parse(swapListQuerySchema, request.query).limit) });
    })
    .all(onlyMethods("GET"));
  app
    .route("/v1/swaps/:id")
    .get(async (request, response) => {
      response.json(await swaps.get(request.params.id));
    })
    .all(onlyMethods("GET"));
  app
    .route("/v1/swaps/:id/events")
    .get((request, response) =>
      sendEvents(response, () => swaps.get(request.params.id), { hasEnded, stopping, lookMs: LOOK_MS }),
    )
    .all(onlyMethods("GET"));
  app
    .route("/v1/swaps/:id/cancel")
    .post(async (request, response) => {
      response.status(202).json({ swap: await swaps.cancel(request.params.id) });
    })
    .all(onlyMethods("POST"));
  app
    .route("/v1/swaps/:id/approve")
    .post(async (request, response) => {
      response.status(202).json({ swap: await swaps.approve(request.params.id) });
    })
    .all(onlyMethods("POST"));
  app
    .route("/v1/swaps/:id/discard")
    .post(async (request, response) => {
      response.status(202).json({ swap: await swaps.discard(request.params.id) });
    })
    .all(onlyMethods("POST"));
}
