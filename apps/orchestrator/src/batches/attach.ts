import type { Queryable } from '@nexus/db';
import type { SubmitReply } from '@nexus/grid/contract';

import { retryExecutions } from '../queue/retry.ts';
import { lockBatches } from '../queue/locks.ts';

/** The newest batch of the same executions. */
export async function findAttachableBatch(tx: Queryable, accountId: string, identity: string): Promise<string | undefined> {
  const rows = await tx.query<{ id: string }>(
    'select id from batches where account_id = $1 and identity = $2 order by created_at desc limit 1',
    [accountId, identity],
  );
  return rows[0]?.id;
}

/** Runs what failed or was cancelled again; what runs or succeeded stays. */
export async function attachToBatch(tx: Queryable, batchId: string, missing: readonly string[]): Promise<SubmitReply> {
  await lockBatches(tx, [batchId]);
  const ended = await tx.query<{ id: string; state: string; isUploading: boolean }>(
    `select id, state from executions
     where batch_id = $1 and retried_as is null
       and state in ('succeeded', 'failed', 'timed_out', 'out_of_memory', 'cancelled', 'lost')`,
    [batchId],
  );
  const unsuccessful = ended.filter((row) => row.state !== 'succeeded').map((row) => row.id);
  const retried = await retryExecutions(tx, unsuccessful);
  const uploading = await tx.query("select 1 from executions where batch_id = $1 and state = 'uploading' limit 1", [batchId]);
  return {
    batchId,
    state: uploading.length > 0 ? 'uploading' : 'accepted',
    isAttached: true,
    reused: ended.length - unsuccessful.length,
    requeued: retried.length,
    missing: uploading.length > 0 ? [...missing] : [],
  };
}
