// Security headers for browsers. TLS, and so HSTS, is the reverse proxy's business. Headers that only browsers and
// plug-ins of long ago look at are left out.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { RequestHandler } from "express";
import helmet from "helmet";

const setHeaders = helmet({
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      imgSrc: ["'self'", "data:", "blob:"],
      objectSrc: ["'none'"],
      baseUri: ["'none'"],
      frameAncestors: ["'none'"],
    },
  },
  strictTransportSecurity: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xPoweredBy: false, // `express` is told not to send it
  xXssProtection: false,
});

// They are the same for every answer, so they are made once.
const HEADERS: Array<[name: string, value: string]> = [];
setHeaders(
  {} as IncomingMessage,
  { setHeader: (name: string, value: string) => HEADERS.push([name, value]) } as unknown as ServerResponse,
  () => {},
);

/** Sets them on each answer. */
export const secureHeaders: RequestHandler = (_request, response, next) => {
  for (const [name, value] of HEADERS) response.setHeader(name, value);
  next();
};
