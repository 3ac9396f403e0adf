/** Price of one slot of a worker for a time, in micro-euros, rounded half up. All integers but the division. */
export function slotCostMicros(usage: {
  durationMs: number;
  priceMicrosPerHour: number;
  slots: number;
}): number {
  return Math.round((usage.priceMicrosPerHour * usage.durationMs) / (3_600_000 * usage.slots));
}
