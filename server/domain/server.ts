// Servers that share a storage.
import { z } from "zod";

/** A server as the others see it. */
export const serverSchema = z
  .strictObject({
    /** Made anew with each start. */
    id: z.string(),
    /** Where it listens, as it knows itself. */
    url: z.string(),
    startedAt: z.iso.datetime(),
    /** When it was last heard of. */
    heardAt: z.iso.datetime(),
    /** It has been heard of in time, and answers with the active generation. */
    ready: z.boolean(),
    /** It runs swaps. */
    leads: z.boolean(),
    /** Numbers of the generations that it has open and warm. */
    generations: z.array(z.int()),
  })
  .meta({ id: "Server" });

export type ServerRecord = Readonly<z.infer<typeof serverSchema>>;
