// The server's log: JSON lines that never hold a key.
import type { Request } from "express";
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
