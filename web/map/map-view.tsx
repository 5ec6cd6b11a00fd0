// The map: the collection on a plane, similar images close together.
import { signal } from "@preact/signals";
import { Lasso, Maximize, Minus, Plus } from "lucide";
import { useEffect, useRef, useState } from "preact/hooks";
import type { CollectionMap } from "../../client/index.ts";
import { IconButton } from "../parts/button.tsx";
import { density } from "../parts/density.tsx";
import { Grid } from "../parts/grid.tsx";
import { Failure } from "../parts/notice.tsx";
import { Thumbnail } from "../parts/thumbnail.tsx";
import { count, formatScore, titleOf } from "../parts/words.ts";
import { EmptyCollection } from "../search/start-screen.tsx";
import { address, go, replaceAddress, route } from "../state/route.ts";
import { clearSelection, selectAll } from "../state/selection.ts";
import { answered, served } from "../state/server.ts";
import { useAnswer } from "../state/use-answer.ts";
import { useColouring } from "./colouring.ts";
import { ColourChoice, Legend } from "./legend.tsx";
import { MapCanvas, type MapHandle } from "./map-canvas.tsx";
import type { Place } from "./plane.ts";
import type { MapPoint } from "./point.ts";

/** Milliseconds between two looks at how far a layout is. */
const LOOK = 500;

/** The last map, shown at once on the way back while it is read again. */
const lastMap = signal<CollectionMap | undefined>(undefined);

export function MapView() {
  const { answer, problem, isWaiting, again } = useAnswer(
    async (api) => {
      const map = await api.getMap();
      answered(map);
      // The same places need no new drawing.
      const isSame = lastMap.value?.generation === map.generation && lastMap.value.points.length === map.points.length;
      if (!isSame) lastMap.value = map;
      return lastMap.value;
    },
    [served.value?.generation],
  );
  const map = answer ?? lastMap.value;
  return (
    <div class="map">
      {map && map.points.length > 0 ? (
        <Drawn map={map} />
      ) : (
        <div class="heading">
          <h1>Map</h1>
          {map === undefined && isWaiting && <Progress />}
        </div>
      )}
      {problem && <Failure problem={problem} again={again} />}
      {map?.points.length === 0 && <EmptyCollection />}
    </div>
  );
}

function summaryOf({ points, stored, model }: CollectionMap): string {
  if (points.length === 0) return "";
  const of = stored > points.length ? ` of ${stored.toLocaleString()}` : "";
  const noun = points.length === 1 ? "image" : "images";
  return `${points.length.toLocaleString()}${of} ${noun} as model ${model.name} sees them. Zoom in, and select one to find similar ones.`;
}

/** How far the layout is, which takes seconds where it is asked for the first time. */
function Progress() {
  const { answer: part, again } = useAnswer((api) => api.getMapProgress(), []);
  useEffect(() => {
    const timer = setInterval(again, LOOK);
    return () => clearInterval(timer);
  }, [again]);
  return (
    <>
      <p class="summary" role="status">
        Laying out the collection …
      </p>
      <progress aria-label="Layout of the map" max={1} value={part ?? 0} />
    </>
  );
}

function Drawn({ map }: { readonly map: CollectionMap }) {
  const { points } = map;
  const handle = useRef<MapHandle>(null);
  const [hovered, setHovered] = useState<{ readonly point: MapPoint; readonly at: Place }>();
  const [isDrawing, setDrawing] = useState(false);
  const [chosen, setChosen] = useState<readonly MapPoint[]>([]);
  const { parameters } = route.value;
  const colouring = useColouring(points, parameters);
  const { colours, scheme, marked, scores } = colouring;
  const setAddress = (change: { view?: string; colour?: string | undefined }) => {
    if (route.peek().view !== "map") return;
    const given = Object.fromEntries(route.peek().parameters);
    replaceAddress(address("map", { ...given, ...change }));
  };
  const lassoed = (some: readonly MapPoint[]) => {
    setChosen(some);
    setDrawing(false);
    clearSelection();
    selectAll(some);
  };
  return (
    <>
      <div class="row heading">
        <div>
          <h1>Map</h1>
          <p class="summary" role="status">
            {summaryOf(map)}
          </p>
        </div>
        <ColourChoice colouring={colouring} chosen={(colour) => setAddress({ colour })} />
      </div>
      <Legend colouring={colouring} />
      <div class="map-stage">
        <MapCanvas
          points={points}
          colours={colours}
          scheme={scheme}
          marked={marked}
          view={parameters.get("view") ?? undefined}
          isDrawing={isDrawing}
          handle={handle}
          viewed={(view) => setAddress({ view })}
          opened={({ id }) => go(address("search", { id }))}
          pointed={(point, at) => setHovered(point && at && { point, at })}
          lassoed={lassoed}
        />
        {hovered && <Preview {...hovered} score={scores?.get(hovered.point.id)} />}
        <div class="map-controls">
          <IconButton name="Zoom in" icon={Plus} onClick={() => handle.current?.zoom(1.6)} />
          <IconButton name="Zoom out" icon={Minus} onClick={() => handle.current?.zoom(1 / 1.6)} />
          <IconButton name="Show the whole map" icon={Maximize} onClick={() => handle.current?.fit()} />
          <IconButton
            name="Choose images by drawing around them"
            icon={Lasso}
            pressed={isDrawing}
            onClick={() => setDrawing(!isDrawing)}
          />
        </div>
      </div>
      {chosen.length > 0 && (
        <section class="lassoed" aria-labelledby="lassoed-title">
          <h2 id="lassoed-title">{count(chosen.length, "image")} inside the line</h2>
          <Grid label="Images inside the line" images={chosen} side={density.value} />
        </section>
      )}
    </>
  );
}

interface PreviewProps {
  readonly point: MapPoint;
  readonly at: Place;
  readonly score: number | undefined;
}

function Preview({ point, at, score }: PreviewProps) {
  return (
    <div
      class="map-preview"
      data-id={point.id}
      style={{ left: `min(${at.x + 18}px, 100% - 170px)`, top: `clamp(8px, ${at.y - 80}px, 100% - 200px)` }}
    >
      <Thumbnail image={point} side={150} silent />
      {score !== undefined && <b class="score">{formatScore(score)}</b>} <span>{titleOf(point.metadata)}</span>
    </div>
  );
}
