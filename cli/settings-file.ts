import { readFile } from "node:fs/promises";
import { AppError } from "../core/errors.ts";
import { isJsonObject } from "../core/json.ts";

/**
 * Reads settings, an object of names and values, from a JSON or YAML file.
 *
 * @param what What they are, such as "hyper-parameters", for error messages.
 * @throws AppError `invalid_configuration` where the file cannot be read or has no such object.
 */
export async function readSettings(path: string, what: string): Promise<Record<string, unknown>> {
  const bad = (why: string, cause?: unknown) =>
    new AppError("invalid_configuration", `Expected ${what} as JSON or YAML in ${path} but ${why}.`, { cause });
  const text = await readFile(path, "utf8").catch((error) => {
    throw bad("it cannot be read", error);
  });
  const { parse } = await import("yaml"); // of many files; most runs read no settings
  let content: unknown;
  try {
    content = parse(text);
  } catch (error) {
    throw bad((error instanceof Error ? error.message : String(error)).split("\n")[0]!.replace(/[.:]$/, ""), error);
  }
  if (!isJsonObject(content)) throw bad("it has no names with values");
  return content;
}
