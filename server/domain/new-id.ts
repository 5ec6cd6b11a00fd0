// Ids of images and swaps.
import { randomBytes } from "node:crypto";

/** A new id: 24 hex digits. None begins with a dash, which a command line would read as an option. */
export const newId = (): string => randomBytes(12).toString("hex");
