/** The cloud bills every started hour of a server in full, counted from its creation. */
export const HOUR_MS = 3_600_000;

/** Hours billed for a server that lived so long; existing at all costs one. */
export function startedHours(lifeMs: number): number {
  return Math.max(1, Math.ceil(lifeMs / HOUR_MS));
}

/** Until when the hour that is running is paid. Deleted by then, a server costs nothing more. */
export function paidUntilMs(createdAtMs: number, nowMs: number): number {
  return createdAtMs + startedHours(nowMs - createdAtMs) * HOUR_MS;
}

export interface Rent {
  readonly priceMicrosPerHour: number;
  readonly ipv4MicrosPerHour: number;
}

export function hourlyMicros(rent: Rent): number {
  return rent.priceMicrosPerHour + rent.ipv4MicrosPerHour;
}

/** What a server costs from its creation to its end, or so far. */
export function billMicros(
  rent: Rent,
  life: { readonly createdAtMs: number; readonly endAtMs: number },
): number {
  return startedHours(life.endAtMs - life.createdAtMs) * hourlyMicros(rent);
}
