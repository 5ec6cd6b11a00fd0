// The shape of a thing in an image, as a client tells it.
import { z } from "zod";
import type { Mask } from "../../core/mask.ts";

const share = z.number().min(0).max(1);

/** A place in an image as displayed: 0..1 from its left and from its top. */
export const pointSchema = z.strictObject({ x: share, y: share });

export type Point = Readonly<z.infer<typeof pointSchema>>;

/** Points on a thing, at least one, and points that are not on it. */
export interface Clicks {
  readonly inside: readonly Point[];
  readonly outside: readonly Point[];
}

/** A thing that was clicked on, or its mask. */
export type Shape = Clicks | Mask;

/** A file that shows a thing, or a stored image. */
export type Pictured = { readonly image: Uint8Array } | { readonly id: string };
