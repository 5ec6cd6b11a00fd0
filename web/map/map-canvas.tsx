// Draws the map: a dot for each image, thumbnails where there is room, the line of a lasso.
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { CollectionMap } from "../../client/index.ts";
import { type Palette, readPalette } from "./colours.ts";
import { createDots, type Dots } from "./dots.ts";
import { createPictures, type Pictures, SIDE } from "./pictures.ts";
import {
  fitted,
  inside,
  moved,
  type Place,
  type Size,
  textOfView,
  toScreen,
  type View,
  viewOfText,
  zoomed,
} from "./plane.ts";
import { listenOnPlane } from "./plane-input.ts";

export type MapPoint = CollectionMap["points"][number];

/** Diameter of a dot at most and at least, CSS pixels: where there are many they are small. */
const DOT = { most: 6, least: 2.5 };

/** What buttons beside the map do. */
export interface MapHandle {
  zoom(factor: number): void;
  fit(): void;
}

interface MapCanvasProps {
  readonly points: readonly MapPoint[];
  /** Number of each point's colour in the palette. */
  readonly colours: readonly number[];
  /** What is seen at first, as {@link textOfView} writes it. */
  readonly view: string | undefined;
  readonly isDrawing: boolean;
  readonly handle: { current: MapHandle | null };
  viewed(view: string): void;
  opened(point: MapPoint): void;
  /** The pointer is over a point, at this place of the map. */
  pointed(point: MapPoint | undefined, at?: Place): void;
  lassoed(points: MapPoint[]): void;
}

export function MapCanvas(props: MapCanvasProps) {
  const dotCanvas = useRef<HTMLCanvasElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const latest = useRef(props);
  latest.current = props;
  const scene = useMemo(createScene, []);

  useEffect(() => scene.begin(dotCanvas.current!, canvas.current!, latest), [scene]);
  useEffect(() => scene.show(props.points, props.colours), [scene, props.points, props.colours]);

  return (
    <>
      <canvas ref={dotCanvas} />
      {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: it takes the focus and has keys of its own. */}
      <canvas
        ref={canvas}
        class={props.isDrawing ? "drawing" : undefined}
        tabIndex={0}
        role="application"
        aria-label="Map of the collection. Arrows move it, plus and minus zoom, 0 shows all, Enter searches with the image in the middle. A drag with Shift chooses what it goes around."
      />
    </>
  );
}

function createScene() {
  let view: View | undefined;
  let line: readonly Place[] = [];
  let points: readonly MapPoint[] = [];
  let colours: readonly number[] = [];
  /** Number of each point's colour, by id. */
  let numbers: ReadonlyMap<string, number> = new Map();
  let dots: Dots | undefined;
  let pictures: Pictures | undefined;
  let palette: Palette;
  let redraw = () => {};

  return {
    show(nextPoints: readonly MapPoint[], nextColours: readonly number[]) {
      if (points !== nextPoints) {
        pictures = createPictures(nextPoints, () => redraw());
      }
      points = nextPoints;
      colours = nextColours;
      numbers = new Map(points.map(({ id }, i) => [id, colours[i]!]));
      dots?.set(points, colours);
      redraw();
    },

    begin(under: HTMLCanvasElement, over: HTMLCanvasElement, latest: { current: MapCanvasProps }) {
      const end = new AbortController();
      const context = over.getContext("2d")!;
      dots = createDots(under);
      palette = readPalette(over);
      let isDue = false;
      redraw = () => {
        if (isDue) return;
        isDue = true;
        requestAnimationFrame(() => {
          isDue = false;
          if (!end.signal.aborted && over.clientWidth > 0) draw();
        });
      };
      const sizeOf = (): Size => ({ width: over.clientWidth, height: over.clientHeight });
      /** What is seen: all, until somebody has moved it. */
      const current = () => {
        view ??= latest.current.view === undefined ? undefined : viewOfText(latest.current.view, sizeOf());
        return view ?? fitted(points, sizeOf());
      };

      const draw = () => {
        const size = sizeOf();
        for (const canvas of [under, over]) {
          const [width, height] = [size.width * devicePixelRatio, size.height * devicePixelRatio].map(Math.round);
          if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
        }
        const seen = current();
        const dot = Math.max(DOT.least, Math.min(DOT.most, 40 / Math.sqrt(points.length / 100)));
        context.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
        context.clearRect(0, 0, size.width, size.height);
        if (dots) dots.draw(seen, palette.rgb, dot);
        else drawDots(seen, size, dot);
        pictures?.draw(context, seen, size, ({ id }) => palette.css[numbers.get(id) ?? 0]!);
        drawLine();
        if (document.activeElement === over && over.matches(":focus-visible")) drawFocus(size);
      };

      const drawDots = (view: View, size: Size, dot: number) => {
        for (const [i, point] of points.entries()) {
          const { x, y } = toScreen(view, point);
          if (x < 0 || y < 0 || x > size.width || y > size.height) continue;
          context.fillStyle = palette.css[colours[i] ?? 0]!;
          context.fillRect(x - dot / 2, y - dot / 2, dot, dot);
        }
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

      const drawFocus = ({ width, height }: Size) => {
        const middle = nearest({ x: width / 2, y: height / 2 });
        if (!middle) return;
        const { x, y } = toScreen(current(), middle);
        context.strokeStyle = palette.accent;
        context.lineWidth = 3;
        context.strokeRect(x - SIDE / 2 - 4, y - SIDE / 2 - 4, SIDE + 8, SIDE + 8);
      };

      /** The point nearest to a place on the screen, at most `within` pixels away. */
      const nearest = (at: Place, within = Number.POSITIVE_INFINITY) => {
        let best: MapPoint | undefined;
        let least = within ** 2;
        const seen = current();
        for (const point of points) {
          const place = toScreen(seen, point);
          const distance = (place.x - at.x) ** 2 + (place.y - at.y) ** 2;
          if (distance <= least) [best, least] = [point, distance];
        }
        return best;
      };

      let timer: ReturnType<typeof setTimeout>;
      const look = (next: View) => {
        view = next;
        redraw();
        clearTimeout(timer);
        timer = setTimeout(() => latest.current.viewed(textOfView(next, sizeOf())), 150);
      };
      const middle = () => ({ x: over.clientWidth / 2, y: over.clientHeight / 2 });
      const open = (point: MapPoint | undefined) => point && latest.current.opened(point);
      const zoom = (factor: number, at: Place = middle()) => look(zoomed(current(), factor, at, sizeOf()));
      const fit = () => look(fitted(points, sizeOf()));
      latest.current.handle.current = { zoom, fit };

      listenOnPlane(
        over,
        {
          zoom,
          fit,
          move: (dx, dy) => look(moved(current(), dx, dy)),
          pointed: (at) => latest.current.pointed(at && nearest(at, SIDE / 2), at),
          clicked: (at) => open(nearest(at, SIDE / 2)),
          entered: () => open(nearest(middle())),
          isDrawing: () => latest.current.isDrawing,
          drawn(drawn, isDone) {
            line = isDone ? [] : drawn;
            redraw();
            if (!isDone || drawn.length < 3) return;
            const { x, y, scale } = current();
            const onPlane = drawn.map((place) => ({ x: (place.x - x) / scale, y: (place.y - y) / scale }));
            latest.current.lassoed(inside(points, onPlane));
          },
        },
        end.signal,
      );
      for (const type of ["focus", "blur"]) over.addEventListener(type, redraw, { signal: end.signal });
      const dark = matchMedia("(prefers-color-scheme: dark)");
      const repaint = () => {
        palette = readPalette(over);
        redraw();
      };
      dark.addEventListener("change", repaint, { signal: end.signal });
      const resized = new ResizeObserver(redraw);
      resized.observe(over);
      dots?.set(points, colours);
      redraw();
      return () => {
        clearTimeout(timer);
        resized.disconnect();
        end.abort();
      };
    },
  };
}
