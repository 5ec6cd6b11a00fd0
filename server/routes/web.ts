// The web page: the files of server/web, as they are.
import { join } from "node:path";
import express, { Router } from "express";
import { packageRoot } from "../../core/paths.ts";
import { onlyMethods } from "./problem.ts";

/** What the page may do: use this server and nothing else. `blob:` shows images that came with an API key. */
const POLICY =
  "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** `GET /` and the page's scripts and styles under `/web/`. They are files of the package, also where it runs from dist/. */
export function webRoutes(): Router {
  const folder = join(packageRoot(), "server", "web");
  const router = Router();
  router.use(["/web", "/"], (_request, response, next) => {
    response.set({ "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer" });
    next();
  });
  router
    .route("/")
    .get((_request, response) => {
      response.set("Content-Security-Policy", POLICY);
      // Not kept without asking: a newer server has a newer page.
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
