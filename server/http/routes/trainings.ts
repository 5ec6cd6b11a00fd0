import type { Express } from "express";
import { hasStopped } from "../../domain/training-state.ts";
import type { Trainings } from "../../trainings/trainings.ts";
import { readJson } from "../json-body.ts";
import { onlyMethods } from "../problem.ts";
import { trainingStartSchema } from "../requests.ts";
import { documentHeaders } from "../secure-headers.ts";
import type { UploadSpace } from "../upload-space.ts";
import { parse } from "../validate.ts";
import { sendEvents } from "./events.ts";

/** Milliseconds between two looks at a training that is followed: it changes with every step. */
const LOOK_MS = 1000;

/** What a report may do: be looked at, in the page too. It has its own style, and its pictures within it. */
const FILE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox";

/** `/v1/trainings`: trainings on the collection. `stopping` ends streams. */
export function trainingRoutes(app: Express, trainings: Trainings, space: UploadSpace, stopping: AbortSignal): void {
  app
    .route("/v1/trainings")
    .get(async (_request, response) => {
      response.json(await trainings.list());
    })
    .post(readJson(space), async (request, response) => {
      const training = await trainings.start(parse(trainingStartSchema, request.body));
      response.status(202).location(`/v1/trainings/${training.name}`).json({ training });
    })
    .all(onlyMethods("GET", "POST"));
  app
    .route("/v1/trainings/:name")
    .get(async (request, response) => {
      response.json(await trainings.get(request.params.name));
    })
    .delete(async (request, response) => {
      await trainings.remove(request.params.name);
      response.status(204).end();
    })
    .all(onlyMethods("GET", "DELETE"));
  app
    .route("/v1/trainings/:name/events")
    .get((request, response) =>
      sendEvents(response, () => trainings.get(request.params.name), {
        ...{ hasEnded: hasStopped, stopping, lookMs: LOOK_MS },
      }),
    )
    .all(onlyMethods("GET"));
  app
    .route("/v1/trainings/:name/files/:file")
    .get(documentHeaders, async (request, response) => {
      const { name, file } = request.params;
      const root = await trainings.folderOf(name, file);
      response.set("Content-Security-Policy", FILE_POLICY);
      response.sendFile(file, { root, cacheControl: false, headers: { "Cache-Control": "private, no-cache" } });
    })
    .all(onlyMethods("GET"));
  app
    .route("/v1/trainings/:name/stop")
    .post(async (request, response) => {
      response.status(202).json({ training: await trainings.stop(request.params.name) });
    })
    .all(onlyMethods("POST"));
  app
    .route("/v1/trainings/:name/resume")
    .post(async (request, response) => {
      response.status(202).json({ training: await trainings.resume(request.params.name) });
    })
    .all(onlyMethods("POST"));
}
