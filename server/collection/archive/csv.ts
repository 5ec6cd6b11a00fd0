/**
 * A line of CSV (RFC 4180). Cells that a spreadsheet would take for a formula begin with an apostrophe.
 */
export const csvLine = (cells: ReadonlyArray<string | number>): string => `${cells.map(cellOf).join()}\r\n`;

function cellOf(value: string | number): string {
  const text = `${value}`.replace(/^[=+\-@\t\r]/, "'$&");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
