import { Readable } from "node:stream";
import compression from "compression";
import type { Express } from "express";
import type { CollectionMap, MapReader } from "../../collection/map/collection-map.ts";
import { onlyMethods } from "../problem.ts";
import { sendStream } from "../send-stream.ts";

/** `GET /v1/map`: the collection laid out in two dimensions by its embeddings; `/v1/map/progress` while that takes. */
export function mapRoutes(app: Express, map: MapReader): void {
  app
    .route("/v1/map")
    .all(compression())
    .get(async (_request, response) => {
      const found = await map.read();
      response.type("json");
      await sendStream(response, Readable.from(asJson(found)));
    })
    .all(onlyMethods("GET"));
  app
    .route("/v1/map/progress")
    .get((_request, response) => {
      response.json({ part: map.progress() });
    })
    .all(onlyMethods("GET"));
}

/** The map as JSON, some points at a time. */
async function* asJson({ points, ...rest }: CollectionMap): AsyncGenerator<string> {
  yield `${JSON.stringify(rest).slice(0, -1)},"points":[`;
  let separator = "";
  for await (const some of points) {
    if (some.length === 0) continue;
    yield separator + some.map((point) => JSON.stringify(point)).join(",");
    separator = ",";
  }
  yield "]}";
}
