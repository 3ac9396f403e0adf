/**
 * Micro-euros of a decimal price as the API writes it (`"0.0104720000000000"`), rounded half up.
 * Undefined for anything else: a price that is not understood must not become a cheap one.
 */
export function parseMicros(decimal: string): number | undefined {
  const match = /^(\d{1,9})(?:\.(\d{1,30}))?$/.exec(decimal);
  if (!match) return undefined;
  const [, whole = '', fraction = ''] = match;
  const micros = Number(whole + fraction.slice(0, 6).padEnd(6, '0'));
  return Number(fraction[6] ?? 0) >= 5 ? micros + 1 : micros;
}
