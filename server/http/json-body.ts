// JSON bodies. Their bytes are counted while they come, so they are read here and not by `express.json`: with two
// readers of one body a search takes a tenth longer on the main thread.
import type { Request, RequestHandler, Response } from "express";
import { AppError } from "../../core/errors.ts";
import { excessOf } from "../domain/json-limits.ts";
import type { UploadSpace } from "./upload-space.ts";

/** Bytes of a JSON body. */
const MAX_JSON_BYTES = 2 * 1024 * 1024;

/** Reads UTF-8, with a byte order mark or without. */
const utf8 = new TextDecoder();

/**
 * Reads a JSON body of at most 2 MB in UTF-8 into `request.body`; an empty body is an empty object. Refuses other
 * content types, compressed bodies (they would hold more than their length says), and too many values or levels.
 *
 * @param types Content types that are taken beside `application/json`.
 */
export function readJson(space: UploadSpace, ...types: string[]): RequestHandler {
  const accepted = ["application/json", ...types];
  return async (request, response, next) => {
    checkType(request, accepted);
    const body = await receive(request, response, space);
    request.body = body.length === 0 ? {} : parseJson(utf8.decode(body));
    next();
  };
}

function checkType({ headers }: Request, accepted: readonly string[]): void {
  const refuse = (what: string) => {
    throw new AppError("unsupported_media_type", `Expected ${accepted.join(" or ")} but the ${what}.`);
  };
  const { "content-type": type = "none", "content-encoding": encoding = "identity" } = headers;
  if (accepted.includes(type) && encoding === "identity") return; // as nearly all send it
  const [mediaType = "", ...parameters] = type.toLowerCase().split(";");
  if (!accepted.includes(mediaType.trim())) refuse(`content type is ${type}`);
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => parameter.startsWith("charset="));
  if (charset && !/^charset="?utf-?8"?$/.test(charset)) refuse(`${charset.replace("=", " is ")}, not UTF-8`);
  if (encoding.toLowerCase() !== "identity") refuse(`body is encoded with ${encoding}`);
}

/**
 * The bytes of a body, which count as held until the answer is sent. The rest of a body that is refused is read and
 * thrown away, so that the client can go on with its connection. Never settles where the client goes away.
 */
function receive(request: Request, response: Response, space: UploadSpace): Promise<Buffer> {
  const held = space.hold();
  response.on("close", held.release);
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let received = 0;
    let isRefused = false;
    request
      .on("data", (chunk: Buffer) => {
        if (isRefused) return;
        chunks.push(chunk);
        received += chunk.length;
        try {
          if (received > MAX_JSON_BYTES) {
            throw new AppError("payload_too_large", `Expected at most ${MAX_JSON_BYTES} bytes of JSON.`);
          }
          held.set(received);
        } catch (error) {
          isRefused = true;
          chunks = [];
          reject(error);
        }
      })
      .once("end", () => resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks)));
  });
}

function parseJson(text: string): unknown {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new AppError("invalid_request", `Expected JSON: ${(error as SyntaxError).message}.`);
  }
  const excess = excessOf(json);
  if (excess) throw new AppError("invalid_request", `The JSON is refused: ${excess}.`);
  return json;
}
