import { loadSql, type Queryable } from '@nexus/db';
import type { ServerLife } from '@nexus/grid';

const serverLivesSql = loadSql(import.meta.url, './server-lives.sql');

export interface UnsettledLife extends Omit<ServerLife, 'attemptMs'> {
  readonly id: string;
  /** When we knew that it was over; null: it is not. */
  readonly goneAtMs: number | null;
}

interface LifeRow {
  id: string;
  priceMicrosPerHour: number;
  ipv4MicrosPerHour: number;
  createdAt: Date;
  registeredAt: Date | null;
  endedAt: Date | null;
  goneAt: Date | null;
  slots: number;
  otherSlotMs: number;
}

/** Of every server whose bill is not split up yet, or of that one; so far, where it is not over. */
export async function readServerLives(
  db: Queryable,
  now: Date,
  serverId?: string,
): Promise<UnsettledLife[]> {
  const rows = await db.query<LifeRow>(serverLivesSql, [serverId ?? null]);
  return rows.map(({ createdAt, registeredAt, endedAt, goneAt, ...life }) => ({
    ...life,
    createdAtMs: createdAt.getTime(),
    registeredAtMs: registeredAt?.getTime() ?? null,
    endAtMs: (endedAt ?? now).getTime(),
    goneAtMs: goneAt?.getTime() ?? null,
  }));
}
