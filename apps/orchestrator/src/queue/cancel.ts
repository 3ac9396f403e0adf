import type { Database, Queryable } from '@nexus/db';
import type { CancelReply } from '@nexus/grid/contract';

import { lockBatches } from './locks.ts';

export interface CancelOutcome extends CancelReply {
  /** Workers that must hear of it. */
  workerIds: string[];
}

/** Cancels what has not ended yet: at once what waits; what runs is stopped by its worker. */
export async function cancelExecutions(
  database: Database,
  wanted: { accountId: string; batchId: string; executionId?: string },
): Promise<CancelOutcome> {
  return database.transaction(async (tx) => {
    await lockBatches(tx, [wanted.batchId]);
    const scope = [wanted.accountId, wanted.batchId, wanted.executionId ?? null];
    const cancelled = await cancelWaiting(tx, scope);
    const stopping = await tx.query<{ workerId: string }>(
      // In the order of the ids: heartbeats lock these rows without their batch.
      `with running as (
         select id from executions
         where account_id = $1 and batch_id = $2 and ($3::text is null or id = $3)
           and state in ('leased', 'running', 'publishing')
         order by id for no key update
       )
       update executions e set cancel_requested_at = coalesce(e.cancel_requested_at, now())
       from running where e.id = running.id
       returning e.worker_id as "workerId"`,
      scope,
    );
    return {
      cancelled: cancelled.length,
      stopping: stopping.length,
      workerIds: [...new Set(stopping.map((row) => row.workerId))],
    };
  });
}

async function cancelWaiting(tx: Queryable, scope: readonly unknown[]): Promise<{ id: string }[]> {
  return tx.query<{ id: string }>(
    `update executions set state = 'cancelled', finished_at = now(), version = nextval('execution_version')
     where account_id = $1 and batch_id = $2 and ($3::text is null or id = $3)
       and state in ('uploading', 'queued')
     returning id`,
    scope,
  );
}
