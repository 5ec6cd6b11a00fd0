// A line chart as an SVG element, drawn by Observable Plot without a browser.

/** One line of a chart. */
export interface Series {
  readonly name: string;
  readonly points: ReadonlyArray<{ readonly x: number; readonly y: number }>;
  /** Drawn with a dot at each point. @default false */
  readonly dots?: boolean;
}

/** Axes of a chart. */
export interface ChartOptions {
  readonly x: string;
  /** Where the x axis begins. @default 0 */
  readonly xFrom?: number;
  /** Format of the x axis as in d3-format. */
  readonly xFormat?: string;
  /** Format of the y axis as in d3-format, such as "%". */
  readonly format?: string;
  /** Values that the y axis has to include. */
  readonly include?: readonly number[];
}

const COLOURS = ["#3b7dd8", "#e08a2e", "#2f9e5b", "#b0509f", "#d9463b", "#6b7785"];
const SIZE = { width: 400, height: 210, marginLeft: 46, marginBottom: 34 };

/** The chart as SVG text, its axes in the colour of the text around it. */
export async function lineChart(
  series: readonly Series[],
  { x, xFrom = 0, xFormat, format, include = [] }: ChartOptions,
): Promise<string> {
  // Loaded only when a chart is drawn: without it the command line starts faster.
  const [Plot, { DOMParser }] = await Promise.all([import("@observablehq/plot"), import("linkedom")]);
  const document = new DOMParser().parseFromString("<html></html>", "text/html") as never; // in place of a browser
  const marks = series.flatMap(({ points, dots }, i) => {
    const channels = { x: "x", y: "y", stroke: COLOURS[i % COLOURS.length]! };
    const line = Plot.lineY(points, { ...channels, strokeWidth: 1.5 });
    return dots ? [line, Plot.dot(points, { ...channels, fill: channels.stroke, r: 2 })] : [line];
  });
  const chart = Plot.plot({
    ...SIZE,
    document,
    style: { background: "none" },
    x: {
      label: x,
      domain: [xFrom, Math.max(...series.flatMap(({ points }) => points.map((point) => point.x)))],
      ...(xFormat && { tickFormat: xFormat }),
    },
    y: { label: null, grid: true, nice: true, ...(format && { tickFormat: format }) },
    marks: [...marks, Plot.ruleY(include, { strokeOpacity: 0.25, strokeDasharray: "3" })],
  });
  return chart.outerHTML;
}

/** Names and colours of the lines as HTML; empty for a single line. */
export function legend(series: readonly Series[]): string {
  if (series.length < 2) return "";
  const entries = series.map(({ name }, i) => `<i style="background:${COLOURS[i % COLOURS.length]}"></i>${name}`);
  return `<span class="legend">${entries.join(" ")}</span>`;
}
