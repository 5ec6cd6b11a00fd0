// The server's log: JSON lines that never hold a key.
import type { Request, RequestHandler } from "express";
import { type DestinationStream, type Logger, pino } from "pino";

/** @param destination Where the lines go. Default: stderr, written synchronously. */
export function createLogger(
  level: string,
  destination: DestinationStream = pino.destination({ dest: 2, sync: false }),
): Logger {
  return pino({ level }, destination);
}

declare module "express-serve-static-core" {
  interface Request {
    /** What the log says of it beside what it says itself: its number, and from where it came while that is known. */
    logged: { readonly id: number; readonly remoteAddress: string | undefined; readonly logger: Logger };
  }
}

/** The log of one request. Of the headers, which hold keys and cookies, only `User-Agent` is logged. */
export function logOf({ logged, method, originalUrl, headers }: Request): Logger {
  const { id, remoteAddress, logger } = logged;
  return logger.child({ req: { id, method, url: originalUrl, remoteAddress, userAgent: headers["user-agent"] } });
}

/**
 * Logs each answer: 5xx as errors, 4xx as info, others while debugging. A request's log is made when there is a line to
 * write, and there is none for most: made for every request, as pino-http does, it takes a tenth of a search.
 */
export function logRequests(logger: Logger): RequestHandler {
  let requests = 0;
  return (request, response, next) => {
    const began = performance.now();
    request.logged = { id: ++requests, remoteAddress: request.socket.remoteAddress, logger };
    response.once("close", () => {
      const { statusCode, writableFinished } = response;
      const level = statusCode >= 500 ? "error" : statusCode >= 400 ? "info" : "debug";
      if (!logger.isLevelEnabled(level)) return;
      const responseTime = Math.round(performance.now() - began);
      const message = writableFinished ? "request completed" : "request aborted";
      logOf(request)[level]({ res: { statusCode }, responseTime }, message);
    });
    next();
  };
}
