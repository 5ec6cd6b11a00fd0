// Parsers for options that are JSON objects.
import { InvalidArgumentError } from "commander";
import { isJsonObject } from "../core/json.ts";

/** Makes a parser for a JSON object, as commander parses options; `example` stands in its error. */
export function jsonObject(example: string): (text: string) => Record<string, unknown> {
  return (text) => {
    try {
      const value: unknown = JSON.parse(text);
      if (isJsonObject(value)) return value;
    } catch {}
    throw new InvalidArgumentError(`Expected a JSON object such as ${example}.`);
  };
}

/** A filter; the server checks what is in it. */
export const filterObject = jsonObject('{"field":"label","eq":"bag"}');
