// The query image. A box drawn on it searches with that part alone, a click with the thing that was clicked on.
import { useEffect, useRef, useState } from "preact/hooks";
import type { Region } from "./find.ts";
import { ask, askForShape, picture, question, shapeSought } from "./question.ts";
import { shadeOutside } from "./shape.ts";

/** Longest side of the canvas in pixels; CSS makes it smaller where there is less room. */
const SIDE = 560;
/** Least size of a box as a share of the image's width and height; a smaller one is a click. */
const SMALLEST = 0.05;
/** How far an arrow key moves the box, as a share of the image. */
const STEP = 0.05;
/** Where a box begins that is drawn with the keys. */
const MIDDLE: Region = { x: 0.25, y: 0.25, width: 0.5, height: 0.5 };

export function QueryCanvas({ focus }: { readonly focus: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const bitmap = picture.value;
  const chosen = question.value?.region;
  /** The box while it is drawn. */
  const [draft, setDraft] = useState<Region>();
  const region = draft ?? chosen;
  const mask = question.value?.mask;
  /** What lies over all but the shape, once it is made. */
  const [shade, setShade] = useState<{ readonly mask: string; readonly picture: OffscreenCanvas }>();
  const shown = shade && shade.mask === mask ? shade.picture : undefined;

  useEffect(() => draw(canvas.current!, bitmap, region, region ? undefined : shown), [bitmap, region, shown]);
  useEffect(() => {
    if (mask) void shadeOutside(mask).then((picture) => setShade({ mask, picture }));
  }, [mask]);
  useEffect(() => {
    if (focus && bitmap) canvas.current!.focus();
  }, [focus, bitmap]);
  useEffect(() => setDraft(undefined), [bitmap]);

  const choose = (next: Region | undefined) => {
    setDraft(undefined);
    ask({ region: next, mask: undefined });
  };

  const placeOf = ({ clientX, clientY }: PointerEvent) => {
    const { left, top, width, height } = canvas.current!.getBoundingClientRect();
    // A tall picture has margins at its sides: object-fit keeps it whole in the middle.
    const scale = Math.min(width / canvas.current!.width, height / canvas.current!.height);
    const along = (at: number, room: number, length: number) =>
      Math.max(0, Math.min(1, (at - (room - length * scale) / 2) / (length * scale)));
    return {
      x: along(clientX - left, width, canvas.current!.width),
      y: along(clientY - top, height, canvas.current!.height),
    };
  };

  const begin = (event: PointerEvent) => {
    if (!bitmap || event.button !== 0) return;
    const from = placeOf(event);
    const element = canvas.current!;
    let drawn: Region | undefined;
    element.setPointerCapture(event.pointerId);
    const move = (moved: PointerEvent) => {
      const to = placeOf(moved);
      drawn = {
        x: Math.min(from.x, to.x),
        y: Math.min(from.y, to.y),
        width: Math.abs(to.x - from.x),
        height: Math.abs(to.y - from.y),
      };
      setDraft(drawn);
    };
    const end = () => {
      element.removeEventListener("pointermove", move);
      if (drawn && drawn.width >= SMALLEST && drawn.height >= SMALLEST) return choose(drawn);
      setDraft(undefined);
      void askForShape(from);
    };
    element.addEventListener("pointermove", move);
    element.addEventListener("lostpointercapture", end, { once: true });
  };

  const press = (event: KeyboardEvent) => {
    if (!bitmap) return;
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (step) setDraft(moved(region ?? MIDDLE, step[0]! * STEP, step[1]! * STEP, event.shiftKey));
    else if (event.key === "Enter" && region) choose(region);
    else if (event.key === "s") void askForShape(middleOf(region ?? MIDDLE));
    else if (event.key === "Escape" && (region || mask)) choose(undefined);
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    // biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: it takes the focus and has keys of its own.
    <canvas
      ref={canvas}
      tabIndex={0}
      role="application"
      aria-label="Query image. Click a thing or drag a box to search with a part of it. With the keyboard: arrows move the box, Shift and arrows change its size, Enter searches, S searches with the thing in its middle, Escape removes it."
      aria-busy={shapeSought.value ? true : undefined}
      class={bitmap ? undefined : "unseen"}
      onPointerDown={begin}
      onKeyDown={press}
    />
  );
}

const middleOf = ({ x, y, width, height }: Region) => ({ x: x + width / 2, y: y + height / 2 });

function draw(
  canvas: HTMLCanvasElement,
  bitmap: ImageBitmap | undefined,
  region: Region | undefined,
  shade: OffscreenCanvas | undefined,
): void {
  const scale = bitmap ? SIDE / Math.max(bitmap.width, bitmap.height) : 1;
  canvas.width = bitmap ? Math.round(bitmap.width * scale) : SIDE;
  canvas.height = bitmap ? Math.round(bitmap.height * scale) : SIDE;
  const { width, height } = canvas;
  const context = canvas.getContext("2d")!;
  if (!bitmap) return;
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  if (shade) context.drawImage(shade, 0, 0, width, height);
  if (!region) return;
  const box = [region.x * width, region.y * height, region.width * width, region.height * height] as const;
  context.fillStyle = "rgb(0 0 0 / 60%)";
  context.beginPath();
  context.rect(0, 0, width, height);
  context.rect(...box);
  context.fill("evenodd");
  context.lineWidth = 3;
  context.strokeStyle = "#fff";
  context.strokeRect(...box);
}

/** The box moved, or resized by its lower right corner, and kept inside the image. */
function moved({ x, y, width, height }: Region, dx: number, dy: number, resize: boolean): Region {
  const within = (value: number, low: number, high: number) => Math.max(low, Math.min(high, value));
  if (!resize) return { x: within(x + dx, 0, 1 - width), y: within(y + dy, 0, 1 - height), width, height };
  return { x, y, width: within(width + dx, SMALLEST, 1 - x), height: within(height + dy, SMALLEST, 1 - y) };
}
