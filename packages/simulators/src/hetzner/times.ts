/** The API knows no fractions of a second, and neither does the bill that counts from `created`. */
export function toSecond(ms: number): number {
  return Math.floor(ms / 1000) * 1000;
}

export function renderTime(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

export function renderTimeOrNull(ms: number | null): string | null {
  return ms === null ? null : renderTime(ms);
}
