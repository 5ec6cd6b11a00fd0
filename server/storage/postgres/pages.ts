/**
 * The rows of a query, read page by page. Nothing is locked: each page sees the database as it is then.
 *
 * @param read Up to `size` rows beyond the row numbered `cursor`.
 * @param from The first cursor.
 */
export async function* pages<Row extends { readonly number: number }>(
  read: (cursor: number, size: number) => Promise<Row[]>,
  size: number,
  from = 0,
): AsyncGenerator<Row[]> {
  for (let cursor = from; ; ) {
    const rows = await read(cursor, size);
    if (rows.length > 0) yield rows;
    if (rows.length < size) return;
    cursor = rows.at(-1)!.number;
  }
}
