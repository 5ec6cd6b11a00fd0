// Who may do what. Without API keys only this machine may use the server, and no web page of another origin.
import type { Request, RequestHandler } from "express";
import { AppError } from "../../core/errors.ts";
import { type Access, ROLES, type Role } from "../domain/api-key.ts";

/** Needs no key: health for supervisors, the page and the OpenAPI document for browsers. */
const OPEN = /^\/(livez|readyz|openapi\.json|web\/.*)?$/;

/** POST that changes nothing: the role `read` is enough. */
const READING = /^\/v1\/(search|search\/image|segments|segments\/image|embeddings|images\/archive)\/?$/i;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\[::1\])$/i;

/** True for an address that only this machine reaches. */
export const isLoopback = (host: string): boolean => LOOPBACK.test(host);

/** The keys that are accepted. */
export interface KeyRoles {
  /** What a key allows; undefined where it is none. */
  roleOf(key: string): Promise<Role | undefined>;
}

/** Refuses requests that `access` does not allow. */
export function checkAccess(access: Access, keys: KeyRoles): RequestHandler {
  if (access === "anyone") return (_request, _response, next) => next();
  return access === "keys" ? demandKey(keys) : refuseOtherOrigins;
}

/**
 * Demands an API key (`Authorization: Bearer …`) that allows what is asked: reading, searching and embedding with any,
 * changes to images with `write`, changes of the model with `admin`.
 */
function demandKey(keys: KeyRoles): RequestHandler {
  return async (request, response, next) => {
    if (OPEN.test(request.path)) return next();
    const key = /^Bearer ([\x21-\x7e]{1,200})$/i.exec(request.get("authorization") ?? "")?.[1];
    const role = key === undefined ? undefined : await keys.roleOf(key);
    if (!role) {
      response.set("WWW-Authenticate", "Bearer");
      throw new AppError("unauthorized", "Expected an API key in the header Authorization: Bearer <key>.");
    }
    const needed = roleFor(request);
    if (ROLES.indexOf(role) >= ROLES.indexOf(needed)) return next();
    throw new AppError("forbidden", `Expected a key of the role "${needed}" but this one has "${role}".`);
  };
}

function roleFor({ method, path }: Request): Role {
  if (method === "GET" || method === "HEAD" || READING.test(path)) return "read";
  return /^\/v1\/images(\/|$)/i.test(path) ? "write" : "admin";
}

/**
 * For a server without keys: refuses requests that a browser sends for a page of another origin, and a Host other than
 * localhost, which DNS rebinding needs.
 */
const refuseOtherOrigins: RequestHandler = (request, _response, next) => {
  const host = request.get("host") ?? "";
  const name = host.replace(/:\d+$/, "");
  if (host !== "" && !isLoopback(name)) {
    throw new AppError(
      "forbidden",
      `Expected the host localhost but received ${JSON.stringify(name)}. Use API keys to serve others.`,
    );
  }
  const origin = request.get("origin");
  if (origin !== undefined && origin !== `http://${host}` && origin !== `https://${host}`) {
    throw new AppError(
      "forbidden",
      `Pages of ${JSON.stringify(origin)} may not use this server. Use API keys to serve others.`,
    );
  }
  // Browsers send no Origin for a page's images and links, and some send none for its forms.
  const site = request.get("sec-fetch-site");
  if ((site === "cross-site" || site === "same-site") && !OPEN.test(request.path)) {
    throw new AppError("forbidden", "Pages of another site may not use this server. Use API keys to serve others.");
  }
  next();
};
