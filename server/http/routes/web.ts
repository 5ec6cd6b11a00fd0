// The web page, as the build left it: dist/web.
import { join } from "node:path";
import compression from "compression";
import express, { type Express } from "express";
import { packageRoot } from "../../../core/paths.ts";
import { onlyMethods } from "../problem.ts";
import { documentHeaders } from "../secure-headers.ts";

/** `GET /` and the page's files under `/web/`, compressed. */
export function webRoutes(app: Express): void {
  const folder = join(packageRoot(), "dist", "web");
  app
    .route("/")
    .all(compression(), documentHeaders)
    .get((_request, response) => {
      // Browsers ask each time whether the page has changed: a newer server has a newer page.
      response.sendFile("index.html", { root: folder, cacheControl: false, headers: { "Cache-Control": "no-cache" } });
    })
    .all(onlyMethods("GET"));
  // A file whose content changes gets another name.
  app.use(
    "/web",
    compression(),
    express.static(join(folder, "web"), { index: false, redirect: false, maxAge: "1y", immutable: true }),
  );
}
