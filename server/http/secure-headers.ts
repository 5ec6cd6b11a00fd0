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

/** Those that matter for any answer: what it may load, who may frame or embed it, and that its type is no guess. */
const OF_ANY = ["Content-Security-Policy", "Cross-Origin-Resource-Policy", "X-Content-Type-Options"];

// They are the same for every answer, so they are made once.
const HEADERS: Array<[name: string, value: string]> = [];
setHeaders(
  {} as IncomingMessage,
  { setHeader: (name: string, value: string) => HEADERS.push([name, value]) } as unknown as ServerResponse,
  () => {},
);

/** Sets `headers` on each answer. */
const setting =
  (headers: typeof HEADERS): RequestHandler =>
  (_request, response, next) => {
    for (const [name, value] of headers) response.setHeader(name, value);
    next();
  };

/** Sets those of any answer. */
export const secureHeaders = setting(HEADERS.filter(([name]) => OF_ANY.includes(name)));

/** Sets the others, which browsers heed only for documents: for windows, frames, links and referrers. */
export const documentHeaders = setting(HEADERS.filter(([name]) => !OF_ANY.includes(name)));
