import type { Database, Queryable } from '@nexus/db';
import { decideLost } from '@nexus/grid';

import { applyChanges, type Change } from './apply-changes.ts';
import { lockBatches } from './locks.ts';
import type { LeasedRow } from './leased-row.ts';

const LOST_REASON = 'the worker stopped answering';
const BATCH_SIZE = 500;

export interface ExpirePolicy {
  maxTimesLost: number;
  /** Only leases of workers known to be dead, not of those that merely stopped answering. */
  isCertain: boolean;
}

/** Takes back what workers that no longer answer hold. Returns the batches in which something changed. */
export async function expireLeases(
  database: Database,
  { maxTimesLost, isCertain }: ExpirePolicy,
): Promise<string[]> {
  const before = isCertain ? "'-infinity'::timestamptz" : 'now()';
  // A look without locks first: almost always there is nothing.
  const expired = await database.query<{ id: string; batchId: string }>(
    `select id, batch_id as "batchId" from executions
     where state in ('leased', 'running', 'publishing') and lease_until <= ${before} limit $1`,
    [BATCH_SIZE],
  );
  if (expired.length === 0) return [];
  return database.transaction(async (tx) => {
    await lockBatches(
      tx,
      expired.map((row) => row.batchId),
    );
    const rows = await listStillExpired(
      tx,
      expired.map((row) => row.id),
      before,
    );
    const changes = rows.map((row) => toChange(row, maxTimesLost));
    await applyChanges(tx, changes);
    return [...new Set(rows.map((row) => row.batchId))];
  });
}

// Again under the locks: a heartbeat may have come in between.
async function listStillExpired(
  tx: Queryable,
  ids: readonly string[],
  before: string,
): Promise<LeasedRow[]> {
  return tx.query<LeasedRow>(
    `select id, batch_id as "batchId", account_id as "accountId", state, worker_id as "workerId", epoch,
       retries_used as "retriesUsed", times_lost as "timesLost", leased_at as "leasedAt",
       started_at as "startedAt", cancel_requested_at is not null as "isCancelRequested", false as "hasParallelLimit"
     from executions
     where id = any($1) and state in ('leased', 'running', 'publishing') and lease_until <= ${before}
     order by id for no key update`,
    [ids],
  );
}

function toChange(row: LeasedRow, maxTimesLost: number): Change {
  const decision = decideLost(row, maxTimesLost);
  const isRequeued = decision.kind === 'requeue';
  return {
    row,
    state: decision.kind === 'finish' ? decision.state : 'queued',
    reason: LOST_REASON,
    counters: isRequeued ? decision : undefined,
    attempt: { outcome: 'lost', exitCode: null, reason: LOST_REASON, costMicros: 0 },
  };
}
