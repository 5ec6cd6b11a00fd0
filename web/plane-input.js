// Pointer, wheel and keyboard input that moves and zooms a plane.

/** Pixels that a finger or mouse may move during a click. */
const SLIP = 5;

/**
 * @typedef {object} PlaneActions
 * @property {(dx: number, dy: number) => void} move By pixels.
 * @property {(factor: number, x: number, y: number) => void} zoomAt Keeps the place x, y of the screen where it is.
 * @property {(factor: number) => void} zoom About the middle.
 * @property {() => void} fit Shows all.
 * @property {(x: number, y: number) => void} pointed The pointer is at x, y; `left`: it has left the canvas.
 * @property {() => void} left
 * @property {(x: number, y: number) => void} clicked
 * @property {() => void} entered Enter was pressed.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {PlaneActions} actions
 */
export function listenOnPlane(canvas, { move, zoomAt, zoom, fit, pointed, left, clicked, entered }) {
  // One pointer moves the plane, two zoom it, and one that hardly moved is a click.
  const down = new Map();
  let slipped = 0;
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    if (down.size === 0) slipped = 0;
    down.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  });
  canvas.addEventListener("pointermove", (event) => {
    const to = { x: event.offsetX, y: event.offsetY };
    const from = down.get(event.pointerId);
    if (!from) return pointed(to.x, to.y);
    slipped += Math.hypot(to.x - from.x, to.y - from.y);
    const [other] = [...down].filter(([id]) => id !== event.pointerId).map(([, place]) => place);
    if (other) {
      const distance = ({ x, y }) => Math.hypot(x - other.x, y - other.y) || 1;
      zoomAt(distance(to) / distance(from), (to.x + other.x) / 2, (to.y + other.y) / 2);
    } else move(to.x - from.x, to.y - from.y);
    down.set(event.pointerId, to);
  });
  const up = (event) => {
    const place = down.get(event.pointerId);
    down.delete(event.pointerId);
    if (event.type !== "pointerup" || !place || slipped > SLIP || down.size > 0) return;
    clicked(place.x, place.y);
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => left());
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      zoomAt(Math.exp(-event.deltaY / 300), event.offsetX, event.offsetY);
    },
    { passive: false },
  );
  canvas.addEventListener("keydown", (event) => {
    const actions = {
      ArrowLeft: () => move(60, 0),
      ArrowRight: () => move(-60, 0),
      ArrowUp: () => move(0, 60),
      ArrowDown: () => move(0, -60),
      "+": () => zoom(1.4),
      "=": () => zoom(1.4),
      "-": () => zoom(1 / 1.4),
      0: fit,
      Enter: entered,
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  });
}
