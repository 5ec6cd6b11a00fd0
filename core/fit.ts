/** How an image is brought to the encoder's size: sharp's `cover` (crop), `contain` (pad with white) or `fill` (squash). */
export const FITS = ["cover", "contain", "fill"] as const;

/** One of {@link FITS}. */
export type Fit = (typeof FITS)[number];
