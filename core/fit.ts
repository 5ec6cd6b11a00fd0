/**
 * How an image is resized to the encoder's input, in sharp's terms: `cover` crops, `contain` pads with white, `fill`
 * squashes.
 */
export const FITS = ["cover", "contain", "fill"] as const;

/** One of {@link FITS}. */
export type Fit = (typeof FITS)[number];
