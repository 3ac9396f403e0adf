import { loadSql, type Queryable } from '@nexus/db';
import { attributeCosts, budgetLevel, type BudgetOutlook } from '@nexus/grid';
import type { Budget, ServerCosts } from '@nexus/grid/contract';

import { readServerLives } from './server-lives.ts';

const usedSlotsSql = loadSql(import.meta.url, './used-slots.sql');

type Parts = ServerCosts['running'];

interface Range {
  since: Date;
  until: Date;
}

/**
 * What the cloud bills for the servers that ended in a time, and for those that still live if it reaches
 * up to now: each server counts once, whole, when we knew that it was gone. Times that follow each other add up to the bill.
 */
export async function readServerCosts(
  tx: Queryable,
  range: Range,
  now: Date,
): Promise<ServerCosts> {
  const settled = await readSettled(tx, range);
  const running = await estimateUnsettled(tx, range, now);
  return {
    servers: settled.servers + running.servers,
    totalMicros: settled.totalMicros + running.totalMicros,
    executionsMicros: settled.executionsMicros + running.executionsMicros,
    bootMicros: settled.bootMicros + running.bootMicros,
    idleMicros: settled.idleMicros + running.idleMicros,
    ipv4Micros: settled.ipv4Micros + running.ipv4Micros,
    running,
  };
}

const NOTHING: Parts = {
  servers: 0,
  totalMicros: 0,
  executionsMicros: 0,
  bootMicros: 0,
  idleMicros: 0,
  ipv4Micros: 0,
};

async function readSettled(tx: Queryable, { since, until }: Range): Promise<Parts> {
  const [row] = await tx.query<Parts>(
    `select count(*) as servers, coalesce(sum(total_micros), 0) as "totalMicros",
       coalesce(sum(executions_micros), 0) as "executionsMicros", coalesce(sum(boot_micros), 0) as "bootMicros",
       coalesce(sum(idle_micros), 0) as "idleMicros", coalesce(sum(ipv4_micros), 0) as "ipv4Micros"
     from server_bills b join servers s on s.id = b.server_id
     where s.gone_at >= $1 and s.gone_at < $2`,
    [since, until],
  );
  return row ?? NOTHING;
}

/** Of those whose bill is not split up yet, as it would be if it were now. */
async function estimateUnsettled(
  tx: Queryable,
  { since, until }: Range,
  now: Date,
): Promise<Parts> {
  const used = await tx.query<{ id: string; slotMs: number }>(usedSlotsSql, [now]);
  const usedMs = new Map(used.map(({ id, slotMs }) => [id, slotMs]));
  const sums = { ...NOTHING };
  for (const { id, goneAtMs, otherSlotMs, ...life } of await readServerLives(tx, now)) {
    const isAfter = goneAtMs === null ? until < now : goneAtMs >= until.getTime();
    if (isAfter || (goneAtMs !== null && goneAtMs < since.getTime())) continue;
    const slotMs = otherSlotMs + (usedMs.get(id) ?? 0);
    const parts = attributeCosts({ ...life, attemptMs: [], otherSlotMs: slotMs });
    sums.servers += 1;
    for (const line of LINES) sums[line] += parts[line];
  }
  return sums;
}

const LINES = [
  'totalMicros',
  'executionsMicros',
  'bootMicros',
  'idleMicros',
  'ipv4Micros',
] as const;

/** Of this month, as the daemon saw it last; null: it has never planned here. */
export async function readBudget(tx: Queryable): Promise<Budget | null> {
  const [row] = await tx.query<{ budget: BudgetOutlook | null; plannedAt: Date | null }>(
    'select budget, planned_at as "plannedAt" from scaling',
  );
  if (!row?.budget || !row.plannedAt) return null;
  const { limitMicros, committedMicros, reservedMicros } = row.budget;
  return {
    ...{ limitMicros, committedMicros, reservedMicros },
    level: budgetLevel(row.budget),
    asOf: row.plannedAt.toISOString(),
  };
}
