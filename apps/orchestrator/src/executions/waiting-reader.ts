import type { Database } from '@nexus/db';
import { explainWaiting, type Outlook } from '@nexus/grid';
import type { Waiting } from '@nexus/grid/contract';

import { listWorkers } from '../workers/worker-registry.ts';
import type { ExecutionRow } from './execution-rows.ts';

interface BatchSituation {
  id: string;
  parallel: number;
  active: number;
  cpus: number;
  memoryBytes: number;
  requires: string[];
  /** Queued in batches that are served before this one. */
  queuedBefore: number;
  medianMs: number | null;
}

/** The reason for each of these executions that waits. Costs nothing when none does. */
export async function explainAll(
  database: Database,
  rows: readonly ExecutionRow[],
): Promise<Map<string, Waiting>> {
  const waiting = rows.filter((row) => row.state === 'queued' || row.state === 'uploading');
  if (waiting.length === 0) return new Map();
  const batches = await readSituations(database, [...new Set(waiting.map((row) => row.batchId))]);
  const workers = (await listWorkers(database)).map((worker) => ({
    ...worker,
    isDraining: worker.state === 'draining',
    offers: worker.drivers.map((driver) => `driver:${driver}`),
  }));
  const ahead = await countAhead(
    database,
    waiting.map((row) => row.id),
  );
  const outlooks = await readOutlooks(database, [...batches.keys()]);
  const now = new Date();
  const reasons = new Map<string, Waiting>();
  for (const row of waiting) {
    const batch = batches.get(row.batchId);
    if (!batch) continue;
    const executionsAhead = batch.queuedBefore + (ahead.get(row.id) ?? 0);
    const snapshot = {
      state: row.state,
      batch,
      workers,
      executionsAhead,
      medianMs: batch.medianMs,
      outlook: outlooks.get(batch.id) ?? null,
    };
    const reason = explainWaiting(snapshot, now);
    if (reason) reasons.set(row.id, reason);
  }
  return reasons;
}

async function readSituations(
  database: Database,
  ids: readonly string[],
): Promise<Map<string, BatchSituation>> {
  const rows = await database.query<BatchSituation>(
    `select b.id, b.parallel, b.active, b.cpus, b.memory_bytes as "memoryBytes", b.requires,
       coalesce((select sum(o.queued) from batches o where o.queued > 0 and o.active < o.parallel
         and (o.priority > b.priority or (o.priority = b.priority and o.created_at < b.created_at))), 0) as "queuedBefore",
       (select percentile_cont(0.5) within group (order by t.wall_ms) from (
          select wall_ms from executions where batch_id = b.id and wall_ms is not null
          order by version desc limit 100) t)::bigint as "medianMs"
     from batches b where b.id = any($1)`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

/** A daemon plans every ten seconds; what an older plan said is no longer true. */
const OUTLOOK_SECONDS = 60;

/** What the daemon that scales says of these batches. */
async function readOutlooks(
  database: Database,
  ids: readonly string[],
): Promise<Map<string, Outlook>> {
  const rows = await database.query<{ outlook: Outlook }>(
    `select outlook from scaling, jsonb_array_elements(outlooks) as outlook
     where planned_at > now() - $2 * interval '1 second' and outlook->>'key' = any($1)`,
    [ids, OUTLOOK_SECONDS],
  );
  return new Map(rows.map(({ outlook }) => [outlook.key, outlook]));
}

async function countAhead(
  database: Database,
  ids: readonly string[],
): Promise<Map<string, number>> {
  const rows = await database.query<{ id: string; ahead: number }>(
    // Counted once for all: a page of a large batch would count the same rows a thousand times.
    `select id, ahead from (
       select o.id, row_number() over (partition by o.batch_id order by o.index) - 1 as ahead
       from (select batch_id, max(index) as last from executions where id = any($1) group by batch_id) p
       join executions o on o.batch_id = p.batch_id and o.index <= p.last and o.state = 'queued'
     ) ranked where id = any($1)`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row.ahead]));
}
