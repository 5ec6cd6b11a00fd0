// Pointer, wheel and keyboard input that moves and zooms a plane, or draws a line around a part of it.
import type { Place } from "./plane.ts";

/** Pixels that a finger or mouse may move during a click. */
const SLIP = 5;
/** Pixels that a press of an arrow key moves. */
const STEP = 60;

export interface PlaneActions {
  /** By pixels. */
  move(dx: number, dy: number): void;
  /** @param at Stays where it is on the screen. @default the middle */
  zoom(factor: number, at?: Place): void;
  /** Shows all. */
  fit(): void;
  /** The pointer is there; undefined where it has left. */
  pointed(at: Place | undefined): void;
  clicked(at: Place): void;
  /** Enter was pressed. */
  entered(): void;
  /** True while a drag draws a line instead of moving; with Shift it always does. */
  isDrawing(): boolean;
  /** A line is drawn; `isDone` when it has ended. */
  drawn(line: readonly Place[], isDone: boolean): void;
}

/** Listens until `signal` aborts. */
export function listenOnPlane(canvas: HTMLCanvasElement, actions: PlaneActions, signal: AbortSignal): void {
  // One pointer moves the plane or draws, two zoom it, and one that hardly moved is a click.
  const down = new Map<number, Place>();
  let slipped = 0;
  let line: Place[] | undefined;
  const on = <K extends keyof HTMLElementEventMap>(
    type: K,
    listen: (event: HTMLElementEventMap[K]) => void,
    options: AddEventListenerOptions = {},
  ) => canvas.addEventListener(type, listen, { signal, ...options });

  on("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    const place = { x: event.offsetX, y: event.offsetY };
    if (down.size === 0) {
      slipped = 0;
      line = event.shiftKey || actions.isDrawing() ? [place] : undefined;
    }
    down.set(event.pointerId, place);
  });
  on("pointermove", (event) => {
    const to = { x: event.offsetX, y: event.offsetY };
    const from = down.get(event.pointerId);
    if (!from) return actions.pointed(to);
    slipped += Math.hypot(to.x - from.x, to.y - from.y);
    if (slipped > SLIP) actions.pointed(undefined);
    const [other] = [...down].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    if (line) {
      line.push(to);
      actions.drawn(line, false);
    } else if (other) {
      const distance = ({ x, y }: Place) => Math.hypot(x - other.x, y - other.y) || 1;
      actions.zoom(distance(to) / distance(from), { x: (to.x + other.x) / 2, y: (to.y + other.y) / 2 });
    } else actions.move(to.x - from.x, to.y - from.y);
    down.set(event.pointerId, to);
  });
  const up = (event: PointerEvent) => {
    const place = down.get(event.pointerId);
    down.delete(event.pointerId);
    if (!place || down.size > 0) return;
    if (event.type === "pointerup" && slipped <= SLIP) actions.clicked(place);
    if (line) actions.drawn(slipped > SLIP ? line : [], true);
    line = undefined;
  };
  on("pointerup", up);
  on("pointercancel", up);
  on("pointerleave", () => actions.pointed(undefined));
  on(
    "wheel",
    (event) => {
      event.preventDefault();
      actions.zoom(Math.exp(-event.deltaY / 300), { x: event.offsetX, y: event.offsetY });
    },
    { passive: false },
  );
  on("keydown", (event) => {
    const act = {
      ArrowLeft: () => actions.move(STEP, 0),
      ArrowRight: () => actions.move(-STEP, 0),
      ArrowUp: () => actions.move(0, STEP),
      ArrowDown: () => actions.move(0, -STEP),
      "+": () => actions.zoom(1.4),
      "=": () => actions.zoom(1.4),
      "-": () => actions.zoom(1 / 1.4),
      0: actions.fit,
      Enter: actions.entered,
    }[event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
}
