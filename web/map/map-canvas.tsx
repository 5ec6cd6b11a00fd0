// The map as an element: what is drawn, and what pointers and keys do to it.
import { useEffect, useRef } from "preact/hooks";
import { SIDE } from "./pictures.ts";
import { fitted, inside, moved, type Place, textOfView, viewOfText, zoomed } from "./plane.ts";
import { listenOnPlane } from "./plane-input.ts";
import type { MapPoint } from "./point.ts";
import { openScene, type Scene, type Shown } from "./scene.ts";

/** What buttons beside the map do. */
export interface MapHandle {
  zoom(factor: number): void;
  fit(): void;
}

interface MapCanvasProps extends Shown {
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
  const under = useRef<HTMLCanvasElement>(null);
  const over = useRef<HTMLCanvasElement>(null);
  const scene = useRef<Scene | undefined>(undefined);
  const latest = useRef(props);
  latest.current = props;

  useEffect(() => {
    const opened = openScene(under.current!, over.current!, (view) =>
      latest.current.viewed(textOfView(view, opened.size())),
    );
    scene.current = opened;
    const end = new AbortController();
    listen(over.current!, opened, latest, end.signal);
    return () => {
      end.abort();
      opened.close();
    };
  }, []);
  const { points, colours, scheme, marked } = props;
  useEffect(() => {
    scene.current!.show({ points, colours, scheme, marked });
  }, [points, colours, scheme, marked]);

  return (
    <>
      <canvas ref={under} />
      {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: it takes the focus and has keys of its own. */}
      <canvas
        ref={over}
        class={props.isDrawing ? "drawing" : undefined}
        tabIndex={0}
        role="application"
        aria-label="Map of the collection. Arrows move it, plus and minus zoom, 0 shows all, Enter searches with the image in the middle. A drag with Shift chooses what it goes around."
      />
    </>
  );
}

/** Lets pointers and keys move a scene, choose from it and draw on it. */
function listen(canvas: HTMLCanvasElement, scene: Scene, latest: { current: MapCanvasProps }, signal: AbortSignal) {
  const middle = () => ({ x: scene.size().width / 2, y: scene.size().height / 2 });
  const open = (point: MapPoint | undefined) => point && latest.current.opened(point);
  const zoom = (factor: number, at: Place = middle()) => scene.move(zoomed(scene.view(), factor, at, scene.size()));
  const fit = () => scene.move(fitted(latest.current.points, scene.size()));
  latest.current.handle.current = { zoom, fit };

  const { view } = latest.current;
  const given = view === undefined ? undefined : viewOfText(view, scene.size());
  if (given) scene.move(given);

  listenOnPlane(
    canvas,
    {
      zoom,
      fit,
      move: (dx, dy) => scene.move(moved(scene.view(), dx, dy)),
      pointed: (at) => latest.current.pointed(at && scene.nearest(at, SIDE / 2), at),
      clicked: (at) => open(scene.nearest(at, SIDE / 2)),
      entered: () => open(scene.nearest(middle())),
      isDrawing: () => latest.current.isDrawing,
      drawn(line, isDone) {
        scene.draw(isDone ? [] : line);
        if (!isDone || line.length < 3) return;
        const { x, y, scale } = scene.view();
        const onPlane = line.map((place) => ({ x: (place.x - x) / scale, y: (place.y - y) / scale }));
        latest.current.lassoed(inside(latest.current.points, onPlane));
      },
    },
    signal,
  );
}
