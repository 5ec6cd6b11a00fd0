// The query image. A box drawn on it searches with that part alone.
import { el } from "./dom.js";

/** Longest side of the canvas in CSS pixels; CSS makes it smaller where there is less room. */
const SIDE = 560;
/** Least size of a box as a share of the image's width and height; a smaller one is taken for a slip. */
const SMALLEST = 0.05;
/** How far an arrow key moves the box, as a share of the image. */
const STEP = 0.05;

/** @typedef {{ x: number, y: number, width: number, height: number }} Region Shares of the image, 0..1. */

/**
 * @param {(region: Region | undefined) => void} chosen Called when a box was drawn or removed.
 */
export function createQueryCanvas(chosen) {
  let bitmap;
  let region;
  const canvas = el("canvas", {
    tabIndex: 0,
    role: "application",
    "aria-label":
      "Query image. Drag a box to search with a part of it. With the keyboard: arrows move the box, Shift and arrows change its size, Enter searches, Escape removes it.",
  });
  const context = canvas.getContext("2d");

  const draw = () => {
    const { width, height } = canvas;
    context.clearRect(0, 0, width, height);
    if (!bitmap) return;
    context.imageSmoothingEnabled = Math.max(bitmap.width, bitmap.height) > 64;
    context.drawImage(bitmap, 0, 0, width, height);
    if (!region) return;
    const box = [region.x * width, region.y * height, region.width * width, region.height * height];
    context.fillStyle = "rgb(0 0 0 / 60%)";
    context.beginPath();
    context.rect(0, 0, width, height);
    context.rect(...box);
    context.fill("evenodd");
    context.lineWidth = 3;
    context.strokeStyle = "#fff";
    context.strokeRect(...box);
  };

  const choose = (next) => {
    region = next;
    draw();
    chosen(region);
  };

  const placeOf = (event) => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    const within = (value) => Math.max(0, Math.min(1, value));
    return { x: within((event.clientX - left) / width), y: within((event.clientY - top) / height) };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (!bitmap || event.button !== 0) return;
    const from = placeOf(event);
    const before = region;
    canvas.setPointerCapture(event.pointerId);
    const move = (moved) => {
      const to = placeOf(moved);
      region = {
        x: Math.min(from.x, to.x),
        y: Math.min(from.y, to.y),
        width: Math.abs(to.x - from.x),
        height: Math.abs(to.y - from.y),
      };
      draw();
    };
    const end = () => {
      canvas.removeEventListener("pointermove", move);
      if (region !== before && region.width >= SMALLEST && region.height >= SMALLEST) choose(region);
      else choose(undefined);
    };
    canvas.addEventListener("pointermove", move);
    canvas.addEventListener("lostpointercapture", end, { once: true });
  });

  canvas.addEventListener("keydown", (event) => {
    if (!bitmap) return;
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
    if (dx !== undefined) {
      event.preventDefault();
      region = moved(region ?? { x: 0.25, y: 0.25, width: 0.5, height: 0.5 }, dx * STEP, dy * STEP, event.shiftKey);
      draw();
    } else if (event.key === "Enter" && region) choose(region);
    else if (event.key === "Escape" && region) choose(undefined);
  });

  return {
    element: canvas,
    /** @param {ImageBitmap | undefined} image */
    show(image) {
      bitmap = image;
      region = undefined;
      const scale = image ? SIDE / Math.max(image.width, image.height) : 1;
      canvas.width = image ? Math.round(image.width * scale) : SIDE;
      canvas.height = image ? Math.round(image.height * scale) : SIDE;
      draw();
    },
    clear: () => choose(undefined),
    hasRegion: () => region !== undefined,
    /** The part of the image that was chosen, at its own resolution, as a PNG file. */
    crop() {
      const x = Math.floor(region.x * bitmap.width);
      const y = Math.floor(region.y * bitmap.height);
      const width = Math.max(1, Math.round(region.width * bitmap.width));
      const height = Math.max(1, Math.round(region.height * bitmap.height));
      const part = el("canvas", { width, height });
      part.getContext("2d").drawImage(bitmap, x, y, width, height, 0, 0, width, height);
      return new Promise((resolve) => part.toBlob(resolve, "image/png"));
    },
  };
}

/** @returns {Region} The box moved, or resized by its lower right corner, and kept inside the image. */
function moved({ x, y, width, height }, dx, dy, resize) {
  const within = (value, low, high) => Math.max(low, Math.min(high, value));
  if (!resize) return { x: within(x + dx, 0, 1 - width), y: within(y + dy, 0, 1 - height), width, height };
  return { x, y, width: within(width + dx, SMALLEST, 1 - x), height: within(height + dy, SMALLEST, 1 - y) };
}
