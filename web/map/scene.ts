// What the map shows, drawn when it has changed: a dot for each image, thumbnails where there is room, the line of a
// lasso, what has the focus.
import { type Palette, readPalette, type Scheme } from "./colours.ts";
import { createDots } from "./dots.ts";
import { createPictures, type Pictures, SIDE } from "./pictures.ts";
import { createPixelDots } from "./pixel-dots.ts";
import { fitted, type Place, type Size, toScreen, type View } from "./plane.ts";
import type { MapPoint } from "./point.ts";

/** Diameter of a dot at most and at least, CSS pixels: where there are many they are small. */
const DOT = { most: 6, least: 2.5 };
/** Milliseconds without a movement after which the map rests. */
const REST = 150;

/** The points, and how they are coloured. */
export interface Shown {
  readonly points: readonly MapPoint[];
  /** Number of each point's colour in the scheme; the higher ones lie over number 0. */
  readonly colours: readonly number[];
  readonly scheme: Scheme;
  /** The point that others are compared with. */
  readonly marked: MapPoint | undefined;
}

export interface Scene {
  show(shown: Shown): void;
  /** What is seen: all, until it is moved. */
  view(): View;
  move(view: View): void;
  draw(line: readonly Place[]): void;
  /** The point nearest to a place on the screen, at most `within` pixels away. */
  nearest(at: Place, within?: number): MapPoint | undefined;
  size(): Size;
  close(): void;
}

/**
 * Draws on two canvases, dots below and everything else above.
 *
 * @param rested Called when a movement has ended.
 */
export function openScene(under: HTMLCanvasElement, over: HTMLCanvasElement, rested: (view: View) => void): Scene {
  const end = new AbortController();
  const context = over.getContext("2d")!;
  const dots = createDots(under) ?? createPixelDots(under);
  let shown: Shown = { points: [], colours: [], scheme: [], marked: undefined };
  let numbers: ReadonlyMap<string, number> = new Map();
  let palette: Palette = { css: [], rgb: [], accent: "" };
  let pictures: Pictures | undefined;
  let moved: View | undefined;
  let whole: View | undefined;
  let line: readonly Place[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isDue = false;

  const size = (): Size => ({ width: over.clientWidth, height: over.clientHeight });
  const view = (): View => {
    whole ??= fitted(shown.points, size());
    return moved ?? whole;
  };

  const redraw = () => {
    if (isDue) return;
    isDue = true;
    requestAnimationFrame(() => {
      isDue = false;
      if (!end.signal.aborted && over.clientWidth > 0) draw();
    });
  };

  const draw = () => {
    const { width, height } = size();
    for (const canvas of [under, over]) {
      const [w, h] = [width * devicePixelRatio, height * devicePixelRatio].map(Math.round);
      if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
    }
    const seen = view();
    const dot = Math.max(DOT.least, Math.min(DOT.most, 40 / Math.sqrt(shown.points.length / 100)));
    dots.draw(seen, palette.rgb, dot);
    context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    context.clearRect(0, 0, width, height);
    const colourOf = ({ id }: MapPoint) => palette.css[numbers.get(id) ?? 0]!;
    pictures?.draw(context, seen, { width, height }, colourOf, timer !== undefined);
    drawLine();
    if (shown.marked) drawRing(toScreen(seen, shown.marked));
    if (document.activeElement === over && over.matches(":focus-visible")) drawFocus();
  };

  const drawLine = () => {
    if (line.length < 2) return;
    context.beginPath();
    for (const { x, y } of line) context.lineTo(x, y);
    context.closePath();
    context.globalAlpha = 0.15;
    context.fillStyle = palette.accent;
    context.fill();
    context.globalAlpha = 1;
    context.strokeStyle = palette.accent;
    context.lineWidth = 2;
    context.stroke();
  };

  const drawRing = ({ x, y }: Place) => {
    context.strokeStyle = palette.accent;
    context.lineWidth = 3;
    context.beginPath();
    context.arc(x, y, SIDE * 0.75, 0, 2 * Math.PI);
    context.stroke();
  };

  const drawFocus = () => {
    const { width, height } = size();
    const middle = nearest({ x: width / 2, y: height / 2 });
    if (!middle) return;
    const { x, y } = toScreen(view(), middle);
    context.strokeStyle = palette.accent;
    context.lineWidth = 3;
    context.strokeRect(x - SIDE / 2 - 4, y - SIDE / 2 - 4, SIDE + 8, SIDE + 8);
  };

  const nearest = (at: Place, within = Number.POSITIVE_INFINITY) => {
    const { x, y, scale } = view();
    const [atX, atY] = [(at.x - x) / scale, (at.y - y) / scale];
    let best: MapPoint | undefined;
    let least = (within / scale) ** 2;
    for (const point of shown.points) {
      const distance = (point.x - atX) ** 2 + (point.y - atY) ** 2;
      if (distance <= least) [best, least] = [point, distance];
    }
    return best;
  };

  for (const type of ["focus", "blur"]) over.addEventListener(type, redraw, { signal: end.signal });
  const repaint = () => {
    palette = readPalette(over, shown.scheme);
    redraw();
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint, { signal: end.signal });
  const resized = new ResizeObserver(() => {
    whole = undefined;
    redraw();
  });
  resized.observe(over);

  return {
    show(next) {
      if (next.points !== shown.points) {
        pictures = createPictures(next.points, redraw);
        whole = undefined;
      }
      if (next.points !== shown.points || next.colours !== shown.colours) {
        numbers = new Map(next.points.map(({ id }, i) => [id, next.colours[i]!]));
        dots.set(...inOrder(next.points, next.colours));
      }
      shown = next;
      repaint();
    },
    view,
    move(next) {
      moved = next;
      clearTimeout(timer);
      timer = setTimeout(() => {
        timer = undefined;
        redraw();
        rested(next);
      }, REST);
      redraw();
    },
    draw(next) {
      line = next;
      redraw();
    },
    nearest,
    size,
    close() {
      clearTimeout(timer);
      resized.disconnect();
      end.abort();
    },
  };
}

/**
 * Places and colours with those of number 0 first, as they lie below all others, and from top to bottom: what is
 * written side by side is written fast.
 */
function inOrder(places: readonly Place[], colours: readonly number[]): [Place[], number[]] {
  const rankOf = (i: number) => Math.sign(colours[i]!);
  const order = [...places.keys()].sort((a, b) => rankOf(a) - rankOf(b) || places[a]!.y - places[b]!.y);
  return [order.map((i) => places[i]!), order.map((i) => colours[i]!)];
}
