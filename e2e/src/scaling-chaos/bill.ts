import type { AccountView } from '@nexus/simulators/hetzner';

const HOUR_MS = 3_600_000;

/** What the cloud charges for by month (`2026-11`): an hour belongs to the month in which it begins. */
export function billByMonth(account: AccountView): Map<string, number> {
  const months = new Map<string, number>();
  for (const line of account.bill().lines) {
    for (let hour = 0; hour < line.startedHours; hour += 1) {
      const month = monthOf(line.startsAt + hour * HOUR_MS);
      months.set(month, (months.get(month) ?? 0) + line.price.hourlyMicros);
    }
  }
  return months;
}

export function billByServer(account: AccountView): Map<number, number> {
  const servers = new Map<number, number>();
  for (const { serverId, micros } of account.bill().lines)
    if (serverId !== null) servers.set(serverId, (servers.get(serverId) ?? 0) + micros);
  return servers;
}

function monthOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 7);
}
