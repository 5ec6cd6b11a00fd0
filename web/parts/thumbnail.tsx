// Stored images as pictures.
import { useLayoutEffect, useRef } from "preact/hooks";
import type { Metadata } from "../../client/index.ts";
import { base } from "../state/server.ts";
import { isRushing } from "./rush.ts";
import { useSource } from "./source.ts";
import { titleOf } from "./words.ts";

/** An image that can be shown. */
export interface Shown {
  readonly id: string;
  readonly metadata?: Metadata;
}

/** Sides that thumbnails are asked for in, pixels: few, so that browsers keep them. */
const SIDES = [96, 192, 384, 768];

/** The address of a stored image, or of a thumbnail of at most `size` pixels. */
export const contentAddress = (id: string, size?: number): string =>
  `${base}v1/images/${encodeURIComponent(id)}/content${size ? `?size=${size}` : ""}`;

interface ThumbnailProps {
  readonly image: Shown;
  /** Longest side on the screen, CSS pixels. */
  readonly side: number;
  /** Says nothing to screen readers, as in a link that is named already. */
  readonly silent?: boolean;
}

export function Thumbnail({ image: { id, metadata = {} }, side, silent }: ThumbnailProps) {
  const pixels = Math.min(side * devicePixelRatio, SIDES.at(-1)!);
  const size = SIDES.find((one) => one >= pixels)!;
  const isWanted = useRef(false);
  isWanted.current ||= !isRushing.value;
  const address = isWanted.current ? contentAddress(id, size) : undefined;
  const source = useSource(address, (api) => api.getImageContent(id, { size }));
  const picture = useRef<HTMLImageElement>(null);
  // A browser goes on loading an image that has left the document, and those that are seen would wait for it.
  useLayoutEffect(() => {
    const image = picture.current!;
    return () => image.removeAttribute("src");
  }, []);
  return (
    <img
      ref={picture}
      src={source}
      alt={silent ? "" : titleOf(metadata) || "stored image"}
      decoding="async"
      draggable={false}
      onLoad={({ currentTarget }) => currentTarget.classList.add("loaded")}
    />
  );
}
