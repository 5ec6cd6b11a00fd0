// Draws points on a plane: dots, and thumbnails in place of some of them; the closer the zoom, the more thumbnails.
import { el } from "./dom.js";
import { listenOnPlane } from "./plane-input.js";
import { pickSpaced } from "./spacing.js";

/** Side of a thumbnail in CSS pixels, and the least room between two. */
const THUMBNAIL = 34;
const GAP = 7;
/** Room around the points, as part of the smaller side. */
const MARGIN = 0.06;
const FARTHEST = 0.6;
const CLOSEST = 60;

/**
 * @typedef {{ id: string, x: number, y: number, metadata: Record<string, unknown> }} Point x and y in 0..1.
 *
 * @param {object} options
 * @param {(point: Point) => void} options.opened A point was clicked, or Enter pressed on it.
 * @param {(point: Point | undefined, x: number, y: number) => void} options.pointed The pointer is over a point.
 */
export function createMapCanvas({ api, opened, pointed }) {
  /** @type {Point[]} */
  let points = [];
  let colourOf = () => -1;
  // The visible part: a point's x on the screen is view.x + point.x × view.scale.
  let view = { x: 0, y: 0, scale: 1 };
  let drawing = false;
  /** Id → image, loading or loaded. */
  const images = new Map();
  const canvas = el("canvas", {
    tabIndex: 0,
    role: "application",
    "aria-label":
      "Map of the collection. Arrows move it, plus and minus zoom, 0 shows all, Enter searches with the image in the middle.",
  });
  const context = canvas.getContext("2d");

  const redraw = () => {
    if (drawing) return;
    drawing = true;
    requestAnimationFrame(() => {
      drawing = false;
      if (canvas.isConnected) draw();
    });
  };

  const imageOf = (id) => {
    let image = images.get(id);
    if (!image) {
      image = new Image();
      image.addEventListener("load", redraw);
      void api.showImage(image, id, 96);
      images.set(id, image);
    }
    return image;
  };

  /** Resolves a colour of the style sheet, light or dark, to one that the canvas takes. */
  const resolveColour = (property) => {
    canvas.style.color = `var(${property})`;
    return getComputedStyle(canvas).color;
  };

  const onScreen = ({ x, y }) => ({ x: view.x + x * view.scale, y: view.y + y * view.scale });

  function draw() {
    const { clientWidth: width, clientHeight: height } = canvas;
    const density = window.devicePixelRatio;
    if (canvas.width !== width * density || canvas.height !== height * density) {
      canvas.width = width * density;
      canvas.height = height * density;
    }
    context.setTransform(density, 0, 0, density, 0, 0);
    context.clearRect(0, 0, width, height);
    const colours = Array.from({ length: 12 }, (_, i) => resolveColour(`--colour-${i}`));
    const plain = resolveColour("--muted");
    const colour = (point) => colours[colourOf(point)] ?? plain;
    const visible = points.filter((point) => {
      const { x, y } = onScreen(point);
      return x > -THUMBNAIL && y > -THUMBNAIL && x < width + THUMBNAIL && y < height + THUMBNAIL;
    });
    const picked = pickSpaced(points, (THUMBNAIL + GAP) / view.scale);
    const thumbnails = new Set(visible.filter((point) => picked.has(point)));
    for (const point of visible) {
      if (thumbnails.has(point)) continue;
      const { x, y } = onScreen(point);
      context.fillStyle = colour(point);
      context.beginPath();
      context.arc(x, y, 2.5, 0, 2 * Math.PI);
      context.fill();
    }
    for (const point of thumbnails) drawThumbnail(point, colour(point));
    if (document.activeElement === canvas && canvas.matches(":focus-visible")) {
      const middle = nearest(width / 2, height / 2);
      if (middle) ring(onScreen(middle), resolveColour("--accent"));
    }
  }

  const drawThumbnail = (point, colour) => {
    const { x, y } = onScreen(point);
    const image = imageOf(point.id);
    const longer = Math.max(image.naturalWidth, image.naturalHeight, 1);
    const width = (THUMBNAIL * image.naturalWidth) / longer || THUMBNAIL;
    const height = (THUMBNAIL * image.naturalHeight) / longer || THUMBNAIL;
    context.beginPath();
    context.roundRect(x - width / 2 - 2, y - height / 2 - 2, width + 4, height + 4, 7);
    context.fillStyle = colour;
    context.fill();
    if (!image.complete || image.naturalWidth === 0) return;
    context.save();
    context.beginPath();
    context.roundRect(x - width / 2, y - height / 2, width, height, 5);
    context.clip();
    context.imageSmoothingEnabled = longer > 64;
    context.drawImage(image, x - width / 2, y - height / 2, width, height);
    context.restore();
  };

  const ring = ({ x, y }, colour) => {
    context.beginPath();
    context.roundRect(x - THUMBNAIL / 2 - 5, y - THUMBNAIL / 2 - 5, THUMBNAIL + 10, THUMBNAIL + 10, 10);
    context.strokeStyle = colour;
    context.lineWidth = 3;
    context.stroke();
  };

  /** The point nearest to a place on the screen, at most `within` pixels away. */
  const nearest = (x, y, within = Number.POSITIVE_INFINITY) => {
    let best;
    let least = within ** 2;
    for (const point of points) {
      const place = onScreen(point);
      const distance = (place.x - x) ** 2 + (place.y - y) ** 2;
      if (distance <= least) [best, least] = [point, distance];
    }
    return best;
  };

  const fit = () => {
    const { clientWidth: width, clientHeight: height } = canvas;
    const xs = points.map(({ x }) => x);
    const ys = points.map(({ y }) => y);
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const room = 1 - 2 * MARGIN;
    const scale = Math.min((width * room) / (right - left || 1), (height * room) / (bottom - top || 1));
    view = {
      scale,
      x: width / 2 - ((left + right) / 2) * scale,
      y: height / 2 - ((top + bottom) / 2) * scale,
    };
    redraw();
  };

  /** Zooms about a place of the screen, which stays where it is. */
  const zoomAt = (factor, x, y) => {
    const side = Math.min(canvas.clientWidth, canvas.clientHeight);
    const scale = Math.max(side * FARTHEST, Math.min(side * CLOSEST, view.scale * factor));
    const ratio = scale / view.scale;
    view = { scale, x: x - (x - view.x) * ratio, y: y - (y - view.y) * ratio };
    redraw();
  };
  const zoom = (factor) => zoomAt(factor, canvas.clientWidth / 2, canvas.clientHeight / 2);
  const move = (dx, dy) => {
    view = { ...view, x: view.x + dx, y: view.y + dy };
    redraw();
  };

  const open = (point) => point && opened(point);
  listenOnPlane(canvas, {
    move,
    zoomAt,
    zoom,
    fit,
    pointed: (x, y) => pointed(nearest(x, y, THUMBNAIL / 2), x, y),
    left: () => pointed(undefined),
    clicked: (x, y) => open(nearest(x, y, THUMBNAIL / 2)),
    entered: () => open(nearest(canvas.clientWidth / 2, canvas.clientHeight / 2)),
  });
  canvas.addEventListener("focus", redraw);
  canvas.addEventListener("blur", redraw);
  new ResizeObserver(() => points.length > 0 && canvas.clientWidth > 0 && fit()).observe(canvas);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

  return {
    element: canvas,
    /** @param {Point[]} next */
    show(next) {
      points = next;
      fit();
    },
    /** @param {(point: Point) => number} next Number of a point's colour, or −1. */
    colour(next) {
      colourOf = next;
      redraw();
    },
    zoom,
    reset: fit,
  };
}
