const UNITS = ['B', 'KB', 'MB', 'GB', 'TB'] as const;
const FACTORS: Record<string, number> = { '': 1, b: 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 };

/** `512M`, `1.5 GB`, `2GiB`, `1000` → bytes; undefined if it is not a size. */
export function parseBytes(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*(?:([kmgt])(i?))?b?\s*$/i.exec(text);
  if (!match) return undefined;
  const unit = (match[2] ?? '').toLowerCase();
  const power = 'kmgt'.indexOf(unit) + 1;
  const factor = match[3] ? 1024 ** power : (FACTORS[unit] ?? 1);
  return Math.round(Number(match[1]) * factor);
}

export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 999,999 is a megabyte: nobody says 1000 KB.
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${value.toFixed(digits)} ${UNITS[unit] ?? 'B'}`;
}
