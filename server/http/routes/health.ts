import type { Express } from "express";
import { AppError } from "../../../core/errors.ts";
import { onlyMethods } from "../problem.ts";

/** Why the server cannot answer now, or undefined where it can. */
export type NotReadyReason = () => string | undefined;

/** `/livez`: the process answers. `/readyz`: it can search and embed; 503 with the reason until then. */
export function healthRoutes(app: Express, notReadyReason: NotReadyReason): void {
  app
    .route("/livez")
    .get((_request, response) => {
      response.json({ status: "ok" });
    })
    .all(onlyMethods("GET"));
  app
    .route("/readyz")
    .get((_request, response) => {
      const reason = notReadyReason();
      if (reason) throw new AppError("not_ready", reason);
      response.json({ status: "ok" });
    })
    .all(onlyMethods("GET"));
}
