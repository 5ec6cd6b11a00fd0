import { access, constants } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { hasErrno } from "../../core/errors.ts";
import type { Config } from "../config.ts";

/** Why a server starts no trainings, in a sentence; undefined where it does. */
export async function whyOff({ trainings, models }: Pick<Config, "trainings" | "models">): Promise<string | undefined> {
  if (!trainings) {
    return "This server starts no trainings: it was started without them. Start it with moco-search serve --trainings.";
  }
  if (await canBeWritten(resolve(models))) return undefined;
  return `This server starts no trainings: it may not write to the models folder ${models}.`;
}

/** Of a folder that is not there yet, whether it can be made. */
async function canBeWritten(folder: string): Promise<boolean> {
  try {
    await access(folder, constants.W_OK);
    return true;
  } catch (error) {
    const parent = dirname(folder);
    return hasErrno(error, "ENOENT") && parent !== folder && canBeWritten(parent);
  }
}
