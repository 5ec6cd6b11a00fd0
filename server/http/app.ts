// The HTTP interface, put together. It never listens: `start` does, and tests hand it to supertest.
import express, { type Express, type RequestHandler } from "express";
import { rateLimit } from "express-rate-limit";
import type { Logger } from "pino";
import { AppError } from "../../core/errors.ts";
import type { Collection } from "../collection/collection.ts";
import type { MapReader } from "../collection/map/collection-map.ts";
import type { Access } from "../domain/api-key.ts";
import type { ServerRecord } from "../domain/server.ts";
import type { Metrics } from "../metrics.ts";
import type { ModelCatalogue } from "../models/catalogue.ts";
import type { Swaps } from "../swap/swaps.ts";
import type { Trainings } from "../trainings/trainings.ts";
import { checkAccess, type KeyRoles } from "./access.ts";
import type { UploadLimits } from "./multipart.ts";
import { observeRequests } from "./observe.ts";
import { openApiDocument } from "./openapi.ts";
import { notFoundHandler, onlyMethods, problemHandler } from "./problem.ts";
import { bulkRoutes } from "./routes/bulk.ts";
import { duplicateRoutes } from "./routes/duplicates.ts";
import { embeddingRoutes } from "./routes/embeddings.ts";
import { facetRoutes } from "./routes/facets.ts";
import { healthRoutes, type NotReadyReason } from "./routes/health.ts";
import { imageRoutes } from "./routes/images.ts";
import { mapRoutes } from "./routes/map.ts";
import { modelRoutes } from "./routes/models.ts";
import { searchRoutes } from "./routes/search.ts";
import { segmentRoutes } from "./routes/segments.ts";
import { trainingRoutes } from "./routes/trainings.ts";
import { webRoutes } from "./routes/web.ts";
import { secureHeaders } from "./secure-headers.ts";

/** What the HTTP interface is made for. */
export interface AppDeps {
  readonly collection: Collection;
  readonly map: MapReader;
  readonly models: ModelCatalogue;
  readonly swaps: Swaps;
  readonly trainings: Trainings;
  readonly notReadyReason: NotReadyReason;
  /** Why nothing of /v1 can be answered, where this server has lost touch with the others. */
  readonly cutOffReason?: NotReadyReason | undefined;
  /** The servers that share the storage; this one alone where it is its own. */
  readonly listServers: () => Promise<readonly ServerRecord[]>;
  /** Aborted when the server stops: streams end. */
  readonly stopping: AbortSignal;
  readonly metrics: Metrics;
  readonly limits: UploadLimits;
  readonly access: Access;
  /** The keys that are asked for where `access` says so. */
  readonly apiKeys: KeyRoles;
  /** Requests a minute from one client; 0 for no limit. */
  readonly rateLimit: number;
  /** Number of trusted reverse proxies in front (X-Forwarded-For). */
  readonly trustProxies: number;
  readonly logger: Logger;
}

/** Makes the express application of version 1 of the HTTP interface. */
export function createApp({
  collection,
  map,
  models,
  swaps,
  trainings,
  notReadyReason,
  cutOffReason,
  listServers,
  stopping,
  metrics,
  limits,
  logger,
  ...safety
}: AppDeps): Express {
  let description: ReturnType<typeof openApiDocument> | undefined;
  const app = express();
  app.set("trust proxy", safety.trustProxies);
  app.disable("x-powered-by");
  app.disable("etag");
  app.use(observeRequests(logger, metrics));
  app.use(secureHeaders);
  if (safety.rateLimit > 0) app.use(limitRate(safety.rateLimit));
  if (cutOffReason) {
    app.use("/v1", (_request, _response, next) => {
      const reason = cutOffReason();
      if (reason) throw new AppError("storage_unavailable", reason);
      next();
    });
  }
  app.use(checkAccess(safety.access, safety.apiKeys));
  searchRoutes(app, collection, limits); // the first, as routes are tried in their order
  healthRoutes(app, notReadyReason);
  segmentRoutes(app, collection, limits);
  embeddingRoutes(app, collection, limits);
  duplicateRoutes(app, collection);
  facetRoutes(app, collection);
  bulkRoutes(app, collection, limits);
  imageRoutes(app, collection, limits);
  modelRoutes(app, models, swaps, stopping);
  trainingRoutes(app, trainings, limits.space, stopping);
  mapRoutes(app, map);
  app
    .route("/v1/servers")
    .get(async (_request, response) => {
      response.json({ servers: await listServers() });
    })
    .all(onlyMethods("GET"));
  app
    .route("/openapi.json")
    .get((_request, response) => {
      description ??= openApiDocument(); // takes longer than all else here, and few ask for it
      response.json(description);
    })
    .all(onlyMethods("GET"));
  app
    .route("/metrics")
    .get(async (_request, response) => {
      response.type(metrics.contentType).send(await metrics.text());
    })
    .all(onlyMethods("GET"));
  webRoutes(app);
  app.use(notFoundHandler);
  app.use(problemHandler);
  return app;
}

function limitRate(limit: number): RequestHandler {
  return rateLimit({
    windowMs: 60_000,
    limit,
    standardHeaders: "draft-7",
    legacyHeaders: false,
    skip: ({ path }) => path === "/livez" || path === "/readyz",
    handler: (_request, _response, next) => {
      next(new AppError("rate_limited", `Expected at most ${limit} requests a minute. Slow down.`));
    },
  });
}
