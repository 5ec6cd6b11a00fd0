// The server's log: JSON lines that never hold a key.
import type { Request, RequestHandler } from "express";
import { type DestinationStream, type Logger, pino } from "pino";
import { pinoHttp } from "pino-http";

/** @param destination Where the lines go. Default: stderr, written synchronously. */
export function createLogger(
  level: string,
  destination: DestinationStream = pino.destination({ dest: 2, sync: false }),
): Logger {
  return pino({ level }, destination);
}

/**
 * Gives each request a log of its own and logs its answer: 5xx as errors, 4xx as info, others while debugging. Of the
 * headers, which hold keys and cookies, only `User-Agent` is logged.
 */
export function logRequests(logger: Logger): RequestHandler {
  return pinoHttp({
    logger,
    // A request's log is made before it is known whether a line will be written: the standard serializer, which copies
    // every header, takes a tenth of a search.
    wrapSerializers: false,
    serializers: {
      req: ({ id, method, originalUrl, socket, headers }: Request) => ({
        id,
        method,
        url: originalUrl,
        remoteAddress: socket.remoteAddress,
        userAgent: headers["user-agent"],
      }),
      res: ({ statusCode }: { statusCode: number }) => ({ statusCode }),
      err: pino.stdSerializers.err,
    },
    customLogLevel: (_request, { statusCode }) => (statusCode >= 500 ? "error" : statusCode >= 400 ? "info" : "debug"),
  });
}
