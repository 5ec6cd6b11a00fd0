// API keys: who may do what.
import { z } from "zod";

/** Roles, each with all that the ones before it may: search, change images, change the model. */
export const ROLES = ["read", "write", "admin"] as const;

export const apiKeySchema = z.strictObject({
  id: z.string(),
  role: z.enum(ROLES),
  /** What the user calls it. */
  name: z.string(),
  createdAt: z.iso.datetime(),
});

export type Role = (typeof ROLES)[number];

/** A key as it is listed: never the key itself. */
export type ApiKeyRecord = Readonly<z.infer<typeof apiKeySchema>>;
