import { loadSql, type Database } from '@nexus/db';
import {
  billMicros,
  paidUntilMs,
  startedHours,
  type BudgetOutlook,
  type Notice,
  type Outlook,
  type ServerState,
} from '@nexus/grid';

import { bootTimeline, totalSeconds, type BootStep, type BootTimes } from './boot-timeline.ts';

const fleetSql = loadSql(import.meta.url, './fleet.sql');

export interface FleetServer {
  id: string;
  name: string;
  /** Null: the cloud has not confirmed it. */
  cloudId: number | null;
  serverType: string;
  location: string;
  state: ServerState;
  /** Why it is in its state. */
  reason: string;
  /** Since the cloud made it, or since it was ordered; of one that is gone, how old it became. */
  ageSeconds: number;
  /** Null: nothing is paid any more, or not yet. */
  paidUntil: Date | null;
  slots: number;
  busy: number;
  /** So far. */
  startedHours: number;
  costMicros: number;
  timeline: BootStep[];
  /** From waiting to the first execution. */
  bootSeconds: number | null;
}

/** What the daemon said last. */
export interface LastPlan {
  plannedAt: Date;
  outlooks: Outlook[];
  notices: Notice[];
  budget: BudgetOutlook;
}

export interface Fleet {
  servers: FleetServer[];
  /** Null: no daemon has planned here yet. */
  plan: LastPlan | null;
}

export async function readFleet(
  database: Database,
  options: { isAll: boolean; now: Date },
): Promise<Fleet> {
  const rows = await database.query<ServerRow>(fleetSql, [options.isAll]);
  const [plan] = await database.query<LastPlan & { plannedAt: Date | null }>(
    'select planned_at as "plannedAt", outlooks, notices, budget from scaling',
  );
  return {
    servers: rows.map((row) => toServer(row, options.now)),
    plan: plan?.plannedAt ? plan : null,
  };
}

interface ServerRow extends BootTimes {
  id: string;
  name: string;
  cloudId: number | null;
  serverType: string;
  location: string;
  state: ServerState;
  reason: string;
  endedAt: Date | null;
  slots: number;
  busy: number;
  priceMicrosPerHour: number;
  ipv4MicrosPerHour: number;
}

function toServer(row: ServerRow, now: Date): FleetServer {
  const { id, name, cloudId, serverType, location, state, reason, slots, busy } = row;
  const createdAtMs = row.createdAt?.getTime();
  const bornAtMs = createdAtMs ?? row.intendedAt.getTime();
  const endAtMs = (row.endedAt ?? now).getTime();
  // An order that the cloud never took up costs nothing.
  const isBilled = createdAtMs !== undefined || row.registeredAt !== null;
  const life = { createdAtMs: bornAtMs, endAtMs };
  return {
    ...{ id, name, cloudId, serverType, location, state, reason, slots, busy },
    ageSeconds: Math.max(0, Math.round((endAtMs - bornAtMs) / 1000)),
    paidUntil:
      row.endedAt === null && createdAtMs !== undefined
        ? new Date(paidUntilMs(createdAtMs, now.getTime()))
        : null,
    startedHours: isBilled ? startedHours(endAtMs - bornAtMs) : 0,
    costMicros: isBilled ? billMicros(row, life) : 0,
    timeline: bootTimeline(row),
    bootSeconds: totalSeconds(row),
  };
}
