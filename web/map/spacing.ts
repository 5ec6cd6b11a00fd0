// Chooses the points of a map that have room for a thumbnail.
import type { Place } from "./plane.ts";

/**
 * The points that show their image: in order, each that is at least `side` away from all chosen before, horizontally or
 * vertically. The choice does not depend on what is on the screen, so it stays the same when the map is moved.
 *
 * @param side In the unit of the points.
 */
export function pickSpaced<T extends Place>(points: readonly T[], side: number): T[] {
  const cells = new Map<number, T>();
  const picked: T[] = [];
  // Columns and rows of one side each, numbered together; one that is far out does no harm.
  const columns = Math.ceil(1 / side) + 3;
  for (const point of points) {
    const column = Math.floor(point.x / side) + 1;
    const row = Math.floor(point.y / side) + 1;
    let isFree = true;
    for (let i = -1; i <= 1 && isFree; i++) {
      for (let j = -1; j <= 1 && isFree; j++) {
        const other = cells.get((row + i) * columns + column + j);
        if (other && Math.abs(other.x - point.x) < side && Math.abs(other.y - point.y) < side) isFree = false;
      }
    }
    if (!isFree) continue;
    cells.set(row * columns + column, point);
    picked.push(point);
  }
  return picked;
}
