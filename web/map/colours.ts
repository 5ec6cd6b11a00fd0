// The style sheet's colours, light or dark, for canvases.
import type { Colour } from "./dots.ts";

/** Colours by number: names of the style sheet's properties. */
export type Scheme = readonly string[];

/** Groups that have a colour of their own; the others share the plain one, number 0. */
export const MOST_GROUPS = 11;
export const GROUP_SCHEME: Scheme = ["muted", ...Array.from({ length: MOST_GROUPS }, (_, i) => `colour-${i}`)];

export interface Palette {
  /** As CSS takes them. */
  readonly css: readonly string[];
  /** 0..1 for red, green and blue. */
  readonly rgb: readonly Colour[];
  /** Of what has the focus. */
  readonly accent: string;
}

/** Resolves the colours as they are now. */
export function readPalette(element: HTMLElement, scheme: Scheme): Palette {
  const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true })!;
  const resolve = (name: string) => {
    element.style.color = `var(--${name})`;
    return getComputedStyle(element).color;
  };
  const css = scheme.map(resolve);
  const rgb = css.map((colour): Colour => {
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
    return [red! / 255, green! / 255, blue! / 255];
  });
  return { css, rgb, accent: resolve("accent") };
}
