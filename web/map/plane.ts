// A plane that is moved and zoomed on the screen.

/** A place on the plane, 0..1 in both directions. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** What is seen of the plane: a place is on the screen at x + place.x · scale, y + place.y · scale, CSS pixels. */
export interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

/** CSS pixels. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

/** Room around everything, as a part of the screen. */
const MARGIN = 0.06;
/** How far one may go out and in: lengths of the plane per smaller side of the screen. */
const FARTHEST = 0.6;
const CLOSEST = 200;

export const toScreen = ({ x, y, scale }: View, place: Place): Place => ({
  x: x + place.x * scale,
  y: y + place.y * scale,
});

/** The view that shows all places, however close to each other they lie. */
export function fitted(places: readonly Place[], { width, height }: Size): View {
  let [left, top, right, bottom] = [1, 1, 0, 0];
  for (const { x, y } of places) {
    [left, right] = [Math.min(left, x), Math.max(right, x)];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
  }
  const room = 1 - 2 * MARGIN;
  const closest = Math.min(width, height) * CLOSEST;
  const scale = Math.min((width * room) / (right - left || 1), (height * room) / (bottom - top || 1), closest);
  return {
    scale,
    x: width / 2 - ((left + right) / 2) * scale,
    y: height / 2 - ((top + bottom) / 2) * scale,
  };
}

/** The view zoomed about a place of the screen, which stays where it is. */
export function zoomed(view: View, factor: number, at: Place, { width, height }: Size): View {
  const side = Math.min(width, height);
  const scale = Math.max(side * FARTHEST, Math.min(side * CLOSEST, view.scale * factor));
  const ratio = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * ratio, y: at.y - (at.y - view.y) * ratio };
}

export const moved = (view: View, dx: number, dy: number): View => ({ ...view, x: view.x + dx, y: view.y + dy });

/** A view as text, the same on any screen: the middle of what is seen, and the scale per its smaller side. */
export function textOfView({ x, y, scale }: View, { width, height }: Size): string {
  const numbers = [(width / 2 - x) / scale, (height / 2 - y) / scale, scale / Math.min(width, height)];
  return numbers.map((number) => number.toPrecision(4)).join(",");
}

/** The view that a text tells; undefined where it tells none. */
export function viewOfText(text: string, { width, height }: Size): View | undefined {
  const [x, y, zoom] = text.split(",").map(Number);
  if (![x, y, zoom].every(Number.isFinite) || zoom! <= 0) return undefined;
  const scale = zoom! * Math.min(width, height);
  return { scale, x: width / 2 - x! * scale, y: height / 2 - y! * scale };
}

/** Places inside a line that is drawn around them (even-odd rule). */
export function inside<T extends Place>(places: readonly T[], line: readonly Place[]): T[] {
  return places.filter(({ x, y }) => {
    let isIn = false;
    for (let i = 0, j = line.length - 1; i < line.length; j = i++) {
      const [a, b] = [line[i]!, line[j]!];
      if (a.y > y !== b.y > y && x < ((b.x - a.x) * (y - a.y)) / (b.y - a.y) + a.x) isIn = !isIn;
    }
    return isIn;
  });
}
