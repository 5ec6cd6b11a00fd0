// What photographs show, as SVG: skies at some time of the day, and hills, a coast, a town, a wood or a field below.

/** Times of the day: colours of the sky from the top to the horizon, how bright the land is, and its haze. */
export const TIMES = {
  morning: { sky: ["#7fa6cf", "#f4d9c0"], light: 0.8, haze: "#f0d8c4" },
  noon: { sky: ["#2f6fb8", "#bcd9ee"], light: 1, haze: "#c5dcea" },
  evening: { sky: ["#34386b", "#f08a4b"], light: 0.5, haze: "#d98a62" },
  night: { sky: ["#060a1c", "#1e2a4a"], light: 0.22, haze: "#1a2440" },
  overcast: { sky: ["#8d979f", "#d3d8da"], light: 0.7, haze: "#c3c9cc" },
} as const;

export type Time = keyof typeof TIMES;

export interface Canvas {
  readonly width: number;
  readonly height: number;
  readonly time: Time;
  random(): number;
}

type Colour = readonly [number, number, number];

/** A colour of the land in the light of the time, `distance` (0..1) into the haze. */
function shade({ time }: Canvas, colour: Colour, distance = 0): string {
  const { light, haze } = TIMES[time];
  const far = [1, 3, 5].map((at) => Number.parseInt(haze.slice(at, at + 2), 16));
  return `rgb(${colour.map((part, i) => Math.round(part * light * (1 - distance) + far[i]! * distance)).join()})`;
}

/** A line that is as rough at every scale, points [x, y] from left to right. */
function ridge({ width, random }: Canvas, middle: number, height: number): string {
  let points = [random() - 0.5, random() - 0.5];
  for (let size = 1; points.length < 129; size *= 0.52) {
    points = points.flatMap((y, i) => {
      const next = points[i + 1];
      return next === undefined ? [y] : [y, (y + next) / 2 + (random() - 0.5) * size];
    });
  }
  return points
    .map((y, i) => `${((i / (points.length - 1)) * width).toFixed(1)},${(middle + y * height).toFixed(1)}`)
    .join(" ");
}

const below = (line: string, { width, height }: Canvas, fill: string) =>
  `<polygon points="0,${height} ${line} ${width},${height}" fill="${fill}"/>`;

const rectangle = (x: number, y: number, width: number, height: number, fill: string) =>
  `<rect x="${x.toFixed(1)}" y="${y.toFixed(1)}" width="${width.toFixed(1)}" height="${height.toFixed(1)}" fill="${fill}"/>`;

/** Scenes by their labels: the land below the horizon. */
export const SCENES: Readonly<Record<string, (canvas: Canvas) => string>> = {
  hills(canvas) {
    const green: Colour = [60 + 50 * canvas.random(), 95 + 40 * canvas.random(), 45];
    return Array.from({ length: 5 }, (_, i) => {
      const near = (i + 1) / 5;
      const line = ridge(canvas, canvas.height * (0.35 + 0.5 * near), canvas.height * 0.3 * near);
      return below(line, canvas, shade(canvas, green, 0.75 * (1 - near)));
    }).join("");
  },

  mountains(canvas) {
    const { height } = canvas;
    const peak = ridge(canvas, height * 0.5, height * 0.75);
    return (
      below(peak, canvas, shade(canvas, [235, 238, 243], 0.25)) +
      below(ridge(canvas, height * 0.68, height * 0.5), canvas, shade(canvas, [96, 92, 98], 0.3)) +
      below(ridge(canvas, height * 0.85, height * 0.2), canvas, shade(canvas, [44, 62, 40], 0.1))
    );
  },

  coast(canvas) {
    const { width, height, random } = canvas;
    const horizon = height * (0.4 + 0.15 * random());
    const waves = Array.from({ length: 160 }, () => {
      const near = random() ** 2;
      const y = horizon + near * (height * 0.85 - horizon);
      const colour = random() < 0.5 ? shade(canvas, [215, 232, 240], 0.2) : shade(canvas, [14, 58, 92]);
      return `<g opacity="0.35">${rectangle(random() * width, y, width * (0.05 + 0.25 * near), 1 + 4 * near, colour)}</g>`;
    });
    const sand = below(ridge(canvas, height * 0.88, height * 0.1), canvas, shade(canvas, [214, 190, 148]));
    return rectangle(0, horizon, width, height, shade(canvas, [30, 92, 126], 0.15)) + waves.join("") + sand;
  },

  town(canvas) {
    const { width, height, time, random } = canvas;
    const houses = Array.from({ length: 16 }, (_, i) => {
      const near = i / 16;
      const [w, h] = [width * (0.08 + 0.12 * random()), height * (0.2 + 0.45 * random())];
      const [x, y] = [random() * width - w / 2, height * (0.85 + 0.12 * near) - h];
      const wall: Colour = [150 + 70 * random(), 120 + 70 * random(), 100 + 60 * random()];
      const windows = Array.from({ length: 40 }, (_, n) => {
        const isLit = random() < (time === "night" ? 0.5 : 0.08);
        const fill = isLit ? "#ffd98a" : shade(canvas, [52, 60, 74], 0.1);
        return rectangle(
          x + w * (0.1 + 0.17 * (n % 5)),
          y + h * (0.06 + 0.115 * Math.floor(n / 5)),
          w * 0.1,
          h * 0.07,
          fill,
        );
      });
      return rectangle(x, y, w, h, shade(canvas, wall, 0.4 * (1 - near))) + windows.join("");
    });
    return houses.join("") + rectangle(0, height * 0.94, width, height, shade(canvas, [84, 84, 88]));
  },

  wood(canvas) {
    const { width, height, random } = canvas;
    const ground = below(ridge(canvas, height * 0.75, height * 0.1), canvas, shade(canvas, [70, 74, 40]));
    const trees = Array.from({ length: 70 }, (_, i) => {
      const near = i / 70;
      const [x, foot] = [random() * width, height * (0.68 + 0.32 * near)];
      const [tall, wide] = [height * (0.2 + 0.5 * near), width * (0.03 + 0.06 * near)];
      const colour = shade(canvas, [28 + 50 * random(), 62 + 50 * random(), 30], 0.6 * (1 - near));
      const crown = `<polygon points="${x},${foot - tall} ${x - wide},${foot} ${x + wide},${foot}" fill="${colour}"/>`;
      return rectangle(x - wide * 0.1, foot - 2, wide * 0.2, tall * 0.1, shade(canvas, [70, 50, 36])) + crown;
    });
    return ground + trees.join("");
  },

  field(canvas) {
    const { width, height, random } = canvas;
    const horizon = height * (0.5 + 0.1 * random());
    const [far, colour]: [number, Colour] = [random() * width, random() < 0.5 ? [196, 170, 74] : [104, 138, 58]];
    const rows = Array.from({ length: 36 }, (_, i) => {
      const x = (i / 18 - 0.5) * 2 * width;
      const fill = shade(canvas, colour.map((part) => part * (i % 2 ? 1 : 0.82)) as unknown as Colour, 0.1);
      return `<polygon points="${far},${horizon} ${x},${height} ${x + width / 9},${height}" fill="${fill}"/>`;
    });
    const edge = below(ridge(canvas, horizon, height * 0.05), canvas, shade(canvas, [58, 78, 50], 0.4));
    return edge + rectangle(0, horizon + 2, width, height, shade(canvas, colour, 0.15)) + rows.join("");
  },
};

const svg = ({ width, height }: Canvas, content: string) =>
  Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${content}</svg>`);

export function skySvg(canvas: Canvas): Buffer {
  const { time, random, width, height } = canvas;
  const [top, horizon] = TIMES[time].sky;
  const gradient = `<linearGradient id="sky" x2="0" y2="1"><stop stop-color="${top}"/><stop offset="0.65" stop-color="${horizon}"/></linearGradient>`;
  const light = `<radialGradient id="light"><stop stop-color="#fff8e0"/><stop offset="0.15" stop-color="#fff3d0" stop-opacity="0.75"/><stop offset="1" stop-color="#fff3d0" stop-opacity="0"/></radialGradient>`;
  const [x, y, size] = [random() * width, height * (0.1 + 0.35 * random()), height * (time === "night" ? 0.12 : 0.4)];
  const sun = time === "overcast" ? "" : `<circle cx="${x}" cy="${y}" r="${size}" fill="url(#light)"/>`;
  return svg(canvas, `<defs>${gradient}${light}</defs><rect width="100%" height="100%" fill="url(#sky)"/>${sun}`);
}

export const landSvg = (canvas: Canvas, scene: string): Buffer => svg(canvas, SCENES[scene]!(canvas));
