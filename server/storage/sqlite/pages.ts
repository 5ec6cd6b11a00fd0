/**
 * Reads the rows of a query page by page; the event loop runs in between. Nothing is locked: each page sees the
 * database as it is then.
 *
 * @param read Up to `size` rows beyond the row numbered `cursor`.
 * @param from The first cursor.
 */
export async function* pages<Row extends { readonly number: number }>(
  read: (cursor: number, size: number) => Row[],
  size: number,
  from = 0,
): AsyncGenerator<Row[]> {
  for (let cursor = from; ; ) {
    const rows = read(cursor, size);
    if (rows.length > 0) yield rows;
    if (rows.length < size) return;
    cursor = rows.at(-1)!.number;
    await new Promise(setImmediate);
  }
}
