import { printable, shorten } from './text.ts';

export interface Column<T> {
  title: string;
  value(row: T): string;
  isRight?: boolean;
  /** May be shortened when the terminal is too narrow. */
  isFlexible?: boolean;
}

/** Columns two spaces apart, as wide as their widest cell; `width` bounds a line where it is a terminal's. */
export function renderTable<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  width = Number.POSITIVE_INFINITY,
): string {
  const cells = [
    columns.map((column) => column.title),
    ...rows.map((row) => columns.map((column) => printable(column.value(row)))),
  ];
  const widths = columns.map((_, index) =>
    Math.max(...cells.map((row) => (row[index] ?? '').length)),
  );
  const excess = widths.reduce((sum, size) => sum + size + 2, -2) - width;
  const flexible = columns.findIndex((column) => column.isFlexible);
  if (excess > 0 && flexible >= 0) widths[flexible] = Math.max(8, (widths[flexible] ?? 0) - excess);
  const lines = cells.map((row) =>
    row
      .map((cell, index) => {
        const size = widths[index] ?? 0;
        const text = shorten(cell, size);
        return columns[index]?.isRight ? text.padStart(size) : text.padEnd(size);
      })
      .join('  ')
      .trimEnd(),
  );
  return `${lines.join('\n')}\n`;
}

/** `name   value` lines, names aligned. */
export function renderFields(fields: readonly (readonly [string, string])[]): string {
  const width = Math.max(...fields.map(([name]) => name.length)) + 2;
  return fields.map(([name, value]) => `${name.padEnd(width)}${value}\n`).join('');
}
