// The web page: serves the files of web/ as they are.
import { join } from "node:path";
import express, { Router } from "express";
import { packageRoot } from "../../../core/paths.ts";
import { onlyMethods } from "../problem.ts";

/** `GET /` and the page's scripts and styles under `/web/`: files of the package, also when it runs from dist/. */
export function webRoutes(): Router {
  const folder = join(packageRoot(), "web");
  const router = Router();
  router
    .route("/")
    .get((_request, response) => {
      // Browsers ask each time whether the page has changed: a newer server has a newer page.
      response.sendFile("index.html", { root: folder, cacheControl: false, headers: { "Cache-Control": "no-cache" } });
    })
    .all(onlyMethods("GET"));
  router.use(
    "/web",
    express.static(folder, {
      index: false,
      redirect: false,
      setHeaders: (r) => r.setHeader("Cache-Control", "no-cache"),
    }),
  );
  return router;
}
