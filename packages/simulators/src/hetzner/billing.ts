import type { Price } from './catalogue/server-types.ts';
import type { Labels } from './labels.ts';

/** One thing that costs money, from its creation on. */
export interface BillLine {
  readonly kind: 'server' | 'ipv4';
  /** Of the server or the primary IP. */
  readonly id: number;
  readonly name: string;
  readonly project: string;
  /** Of the server; an address is billed to the server it was made with, if there was one. */
  readonly serverId: number | null;
  readonly serverType: string | null;
  readonly location: string;
  readonly labels: Labels;
  readonly price: Price;
  readonly startsAt: number;
  endsAt: number | null;
}

export interface BilledLine extends BillLine {
  startedHours: number;
  micros: number;
}

export interface Bill {
  lines: BilledLine[];
  totalMicros: number;
}

const HOUR_MS = 3_600_000;

/** Net, in millionths of a euro. What is alive is billed up to `now`. */
export function billAt(lines: readonly BillLine[], now: number): Bill {
  const billed = lines.map((line): BilledLine => {
    const startedHours = countStartedHours(line.startsAt, Math.min(line.endsAt ?? now, now));
    return { ...line, startedHours, micros: costOf(line, startedHours) };
  });
  return { lines: billed, totalMicros: billed.reduce((sum, line) => sum + line.micros, 0) };
}

/** Every started hour counts in full, from the creation on and not by the clock; even a moment is one. */
export function countStartedHours(startsAt: number, endsAt: number): number {
  return Math.max(1, Math.ceil((endsAt - startsAt) / HOUR_MS));
}

// By the hour, with the monthly price as the most that a calendar month can cost.
function costOf(line: BillLine, startedHours: number): number {
  const hoursByMonth = new Map<string, number>();
  for (let hour = 0; hour < startedHours; hour += 1) {
    const month = new Date(line.startsAt + hour * HOUR_MS).toISOString().slice(0, 7);
    hoursByMonth.set(month, (hoursByMonth.get(month) ?? 0) + 1);
  }
  return hoursByMonth
    .values()
    .map((hours) => Math.min(hours * line.price.hourlyMicros, line.price.monthlyMicros))
    .reduce((sum, micros) => sum + micros, 0);
}
