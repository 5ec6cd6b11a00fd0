// The HTTP interface, put together. It never listens: `start` does, and tests hand it to supertest.
import express, { type Express } from "express";
import type { Logger } from "pino";
import { pinoHttp } from "pino-http";
import type { Collection } from "./collection.ts";
import type { Swaps } from "./generation/swaps.ts";
import type { ModelCatalogue } from "./models.ts";
import { duplicateRoutes } from "./routes/duplicates.ts";
import { embeddingRoutes } from "./routes/embeddings.ts";
import { healthRoutes, type NotReadyReason } from "./routes/health.ts";
import { imageRoutes } from "./routes/images.ts";
import { modelRoutes } from "./routes/models.ts";
import type { UploadLimits } from "./routes/multipart.ts";
import { notFoundHandler, onlyMethods, problemHandler } from "./routes/problem.ts";
import { searchRoutes } from "./routes/search.ts";

/** What the HTTP interface speaks for. */
export interface AppDeps {
  readonly collection: Collection;
  readonly models: ModelCatalogue;
  readonly swaps: Swaps;
  readonly notReadyReason: NotReadyReason;
  readonly limits: UploadLimits;
  readonly logger: Logger;
}

/** Makes the express application of version 1 of the HTTP interface. */
export function createApp({ collection, models, swaps, notReadyReason, limits, logger }: AppDeps): Express {
  const app = express();
  app.disable("x-powered-by");
  app.disable("etag");
  app.use(
    pinoHttp({
      logger,
      // Ordinary answers are only of interest while debugging.
      customLogLevel: (_request, { statusCode }) =>
        statusCode >= 500 ? "error" : statusCode >= 400 ? "info" : "debug",
    }),
  );
  app.use(healthRoutes(notReadyReason));
  app.use(searchRoutes(collection, limits));
  app.use(embeddingRoutes(collection, limits));
  app.use(duplicateRoutes(collection));
  app.use(imageRoutes(collection, limits));
  app.use(modelRoutes(models, swaps));
  app
    .route("/")
    .get((_request, response) => {
      response.json({ name: "moco-search", search: "/v1/search", images: "/v1/images", models: "/v1/models" });
    })
    .all(onlyMethods("GET"));
  app.use(notFoundHandler);
  app.use(problemHandler);
  return app;
}
