/** Rows of text as columns: the first aligned left, the others right. */
export function printTable(header: readonly string[], rows: readonly (readonly string[])[]): void {
  const all = [header, ...rows];
  const widths = header.map((_, column) =>
    Math.max(...all.map((row) => (row[column] ?? '').length)),
  );
  for (const [index, row] of all.entries()) {
    const cells = widths.map((width, column) => {
      const text = row[column] ?? '';
      return column === 0 ? text.padEnd(width) : text.padStart(width);
    });
    console.log(`  ${cells.join('  ').trimEnd()}`);
    if (index === 0) console.log(`  ${widths.map((width) => '-'.repeat(width)).join('  ')}`);
  }
  console.log('');
}

export interface Target {
  what: string;
  /** As it is printed, with its unit. */
  measured: string;
  target: string;
  isMet: boolean;
}

/** One line a target; `met` or `missed` is its last word. */
export function printTargets(targets: readonly Target[]): void {
  for (const { what, measured, target, isMet } of targets) {
    console.log(`  ${what}: ${measured} (target ${target}) ${isMet ? 'met' : 'missed'}`);
  }
  console.log('');
}

export function title(text: string): void {
  console.log(`\n${text}\n`);
}

export function note(text: string): void {
  console.log(`  ${text}`);
}

export function ms(value: number): string {
  return value >= 10_000
    ? `${(value / 1000).toFixed(1)} s`
    : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
}

export function perSecond(value: number): string {
  return `${Math.round(value).toLocaleString('en')}/s`;
}

export function times(value: number): string {
  return `${value.toFixed(value < 10 ? 2 : 1)}x`;
}
