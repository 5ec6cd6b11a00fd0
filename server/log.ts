// The server's log: JSON lines that never hold a key.
import { type DestinationStream, type Logger, pino } from "pino";

/** Headers of a request that a log must not keep. */
const SECRET_HEADERS = ["authorization", "cookie", "proxy-authorization"];

/** @param destination Where the lines go. Default: stderr, written synchronously. */
export function createLogger(
  level: string,
  destination: DestinationStream = pino.destination({ dest: 2, sync: false }),
): Logger {
  const redact = SECRET_HEADERS.map((name) => `req.headers["${name}"]`);
  return pino({ level, redact }, destination);
}
