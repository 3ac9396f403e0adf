import type { Database } from '@nexus/db';

import { lockBatches } from './locks.ts';

/**
 * Cancels what has been queued for longer than its batch would wait. Returns the batches in which
 * something changed.
 */
export async function cancelOverdue(database: Database): Promise<string[]> {
  // A look without locks first: almost always there is nothing.
  const overdue = await database.query<{ id: string }>(
    `select b.id from batches b where b.max_wait is not null and b.queued > 0 and exists (
       select 1 from executions e where e.batch_id = b.id and e.state = 'queued' and e.queued_at < now() - b.max_wait)`,
  );
  if (overdue.length === 0) return [];
  const ids = overdue.map((batch) => batch.id);
  return database.transaction(async (tx) => {
    await lockBatches(tx, ids);
    const cancelled = await tx.query<{ batchId: string }>(
      `update executions e set state = 'cancelled', finished_at = now(), version = nextval('execution_version'),
         reason = 'it had waited for longer than --max-wait'
       from batches b
       where b.id = any($1) and e.batch_id = b.id and e.state = 'queued' and e.queued_at < now() - b.max_wait
       returning e.batch_id as "batchId"`,
      [ids],
    );
    return [...new Set(cancelled.map((row) => row.batchId))];
  });
}
