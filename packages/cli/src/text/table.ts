import { printableInLine } from './printable.ts';

/**
 * Rows as aligned columns, two spaces apart. Pure.
 * @param right columns that are flushed right (numbers), by index
 * @param paint colours a cell, which has its width already. Default: none
 */
export function table(
  cells: readonly (readonly string[])[],
  right: readonly number[] = [],
  paint: (cell: string, row: number, column: number) => string = (cell) => cell,
): string {
  const rows = cells.map((row) => row.map(printableInLine));
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  }
  const padded = (row: readonly string[]) =>
    row.map((cell, index) => {
      if (right.includes(index)) return cell.padStart(widths[index]!);
      // No line ends in spaces.
      return row.slice(index + 1).every((next) => next === '') ? cell : cell.padEnd(widths[index]!);
    });
  return rows
    .map((row, at) => {
      const last = row.findLastIndex((cell) => cell !== '');
      const line = padded(row.slice(0, last + 1)).map((cell, column) => paint(cell, at, column));
      return `${line.join('  ')}\n`;
    })
    .join('');
}
