import type { Queryable } from '@nexus/db';
import type { SubmitReply } from '@nexus/grid/contract';

import { retryExecutions } from '../queue/retry.ts';
import { listMissingOf } from './missing-blobs.ts';

/** The newest batch of the same executions. */
export async function findAttachableBatch(
  tx: Queryable,
  accountId: string,
  identity: string,
): Promise<string | undefined> {
  const rows = await tx.query<{ id: string }>(
    // Locked, as every batch whose executions are about to change, and so that it is not cleaned away meanwhile.
    'select id from batches where account_id = $1 and identity = $2 order by created_at desc limit 1 for no key update',
    [accountId, identity],
  );
  return rows[0]?.id;
}

/** Runs what failed or was cancelled again; what runs or succeeded stays. The caller holds the batch lock. */
export async function attachToBatch(
  tx: Queryable,
  batchId: string,
  missing: readonly string[],
): Promise<SubmitReply> {
  const ended = await tx.query<{ id: string; state: string }>(
    `select id, state from executions
     where batch_id = $1 and retried_as is null
       and state in ('succeeded', 'failed', 'timed_out', 'out_of_memory', 'cancelled', 'lost')`,
    [batchId],
  );
  const unsuccessful = ended.filter((row) => row.state !== 'succeeded').map((row) => row.id);
  // Cancelled before all of its files were here: they are still missing.
  const retried = await retryExecutions(
    tx,
    unsuccessful,
    missing.length > 0 ? 'uploading' : 'queued',
  );
  const isUploading = await isStillUploading(tx, batchId);
  return {
    batchId,
    state: isUploading ? 'uploading' : 'accepted',
    isAttached: true,
    reused: ended.length - unsuccessful.length,
    requeued: retried.length,
    missing: isUploading ? [...missing] : [],
  };
}

/** What was answered when the batch was made. Nothing is run again: that the client asks again says nothing of its wishes. */
export async function repeatReply(
  tx: Queryable,
  accountId: string,
  batchId: string,
): Promise<SubmitReply> {
  const reused = await tx.query<{ count: number }>(
    'select count(*) as count from executions where batch_id = $1 and reused_from is not null and retried_as is null',
    [batchId],
  );
  const isUploading = await isStillUploading(tx, batchId);
  return {
    batchId,
    state: isUploading ? 'uploading' : 'accepted',
    isAttached: false,
    reused: reused[0]?.count ?? 0,
    requeued: 0,
    missing: isUploading ? await listMissingOf(tx, accountId, batchId) : [],
  };
}

async function isStillUploading(tx: Queryable, batchId: string): Promise<boolean> {
  const rows = await tx.query('select 1 from batches where id = $1 and uploading > 0', [batchId]);
  return rows.length > 0;
}
