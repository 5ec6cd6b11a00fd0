// Dots without a graphics card: written pixel by pixel, which is many times faster than to let a processor run shaders.
import type { Colour, Dots } from "./dots.ts";

/** Opacity of a dot, 0..255. */
const COVER = 230;

/** A row of a dot's pixels: from `left` to `right`, both included, relative to its middle. */
interface Span {
  readonly dy: number;
  readonly left: number;
  readonly right: number;
}

/** Dots on a canvas of which nobody has asked for another context. */
export function createPixelDots(canvas: HTMLCanvasElement): Dots {
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  let [xs, ys] = [new Float32Array(), new Float32Array()];
  let numbers = new Uint8Array();
  let image = new ImageData(1, 1);
  let pixels = new Uint32Array(image.data.buffer);

  return {
    set(places, colours) {
      xs = Float32Array.from(places, ({ x }) => x);
      ys = Float32Array.from(places, ({ y }) => y);
      numbers = Uint8Array.from(colours);
    },
    draw(view, palette, size) {
      const { width, height } = canvas;
      if (image.width !== width || image.height !== height) {
        image = new ImageData(width, height);
        pixels = new Uint32Array(image.data.buffer);
      } else pixels.fill(0);
      const ratio = width / (canvas.clientWidth || 1);
      const [left, top, scale] = [view.x * ratio, view.y * ratio, view.scale * ratio];
      const diameter = Math.max(1, Math.round(size * ratio));
      const spans = spansOf(diameter);
      const shades = Uint32Array.from(palette, pixelOf);
      for (let i = 0; i < xs.length; i++) {
        const x = (left + xs[i]! * scale + 0.5) | 0;
        const y = (top + ys[i]! * scale + 0.5) | 0;
        if (x < diameter || y < diameter || x >= width - diameter || y >= height - diameter) continue;
        const at = y * width + x;
        const shade = shades[numbers[i]!]!;
        for (const { dy, left, right } of spans) {
          const row = at + dy * width;
          for (let place = row + left; place <= row + right; place++) pixels[place] = shade;
        }
      }
      context.putImageData(image, 0, 0);
    },
  };
}

/** The rows of a disc. */
function spansOf(diameter: number): Span[] {
  const radius = diameter / 2;
  return Array.from({ length: diameter }, (_, row) => {
    const above = row + 0.5 - radius;
    const half = Math.max(0.5, Math.sqrt(radius ** 2 - above ** 2));
    const first = Math.round(radius - half);
    return { dy: row - (diameter >> 1), left: first - (diameter >> 1), right: diameter - 1 - first - (diameter >> 1) };
  });
}

/** Bytes red, green, blue and opacity as one number, the first byte lowest. */
function pixelOf([red, green, blue]: Colour): number {
  const byte = (part: number) => Math.round(part * 255);
  return (COVER << 24) | (byte(blue) << 16) | (byte(green) << 8) | byte(red);
}
