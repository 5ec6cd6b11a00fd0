// What is kept of each request: its time by route, and a line in the log for some.
import type { RequestHandler } from "express";
import type { Logger } from "pino";
import { logOf } from "../log.ts";
import type { Metrics } from "../metrics.ts";

/**
 * Counts and times answers by route, not by path: clients must not be able to add labels. Logs each answer: 5xx as
 * errors, 4xx as info, others while debugging. A request's log is made only when there is a line to write: made for
 * every request, as pino-http does, it takes a tenth of a search.
 */
export function observeRequests(logger: Logger, metrics: Metrics): RequestHandler {
  let requests = 0;
  return (request, response, next) => {
    const began = performance.now();
    request.logged = { id: ++requests, remoteAddress: request.socket.remoteAddress, logger };
    response.on("close", () => {
      const { statusCode, writableFinished } = response;
      const ms = performance.now() - began;
      const route: unknown = request.route?.path;
      // A client that went away was not answered.
      if (writableFinished) {
        metrics.request(request.method, typeof route === "string" ? route : "none", statusCode, ms / 1000);
      }
      const level = statusCode >= 500 ? "error" : statusCode >= 400 ? "info" : "debug";
      if (!logger.isLevelEnabled(level)) return;
      const message = writableFinished ? "request completed" : "request aborted";
      logOf(request)[level]({ res: { statusCode }, responseTime: Math.round(ms) }, message);
    });
    next();
  };
}
