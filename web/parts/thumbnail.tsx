// Stored images as pictures.
import { useEffect, useState } from "preact/hooks";
import type { Metadata } from "../../client/index.ts";
import { api, base, hasKey } from "../state/server.ts";
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
  const source = useSource(id, size);
  return (
    <img
      src={source}
      alt={silent ? "" : titleOf(metadata) || "stored image"}
      decoding="async"
      draggable={false}
      onLoad={({ currentTarget }) => currentTarget.classList.add("loaded")}
    />
  );
}

/** An address that an element can load: with a key the image is fetched first. */
export function useSource(id: string, size?: number): string | undefined {
  const [blob, setBlob] = useState<string>();
  useEffect(() => {
    if (!hasKey()) return;
    let address: string | undefined;
    let isWanted = true;
    const show = (bytes: Blob) => {
      if (!isWanted) return;
      address = URL.createObjectURL(bytes);
      setBlob(address);
    };
    api.getImageContent(id, size === undefined ? {} : { size }).then(show, () => {});
    return () => {
      isWanted = false;
      if (address) URL.revokeObjectURL(address);
    };
  }, [id, size]);
  return hasKey() ? blob : contentAddress(id, size);
}
