// Chooses the points of a map that have room for a thumbnail.

/**
 * The points that show their image: in order, each that is at least `side` away from all chosen before, horizontally or
 * vertically. The choice does not depend on what is on the screen, so it stays the same when the map is moved.
 *
 * @param {{ x: number, y: number }[]} points
 * @param {number} side
 * @returns {Set<{ x: number, y: number }>}
 */
export function pickSpaced(points, side) {
  const cells = new Map();
  const picked = new Set();
  for (const point of points) {
    const column = Math.floor(point.x / side);
    const row = Math.floor(point.y / side);
    let isFree = true;
    for (let i = -1; i <= 1; i++) {
      for (let j = -1; j <= 1; j++) {
        const other = cells.get(`${column + i} ${row + j}`);
        if (other && Math.abs(other.x - point.x) < side && Math.abs(other.y - point.y) < side) isFree = false;
      }
    }
    if (!isFree) continue;
    cells.set(`${column} ${row}`, point);
    picked.add(point);
  }
  return picked;
}
