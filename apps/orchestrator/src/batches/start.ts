import { lockBatches } from '../queue/locks.ts';
import { listMissingOf } from './missing-blobs.ts';
import type { BatchDeps } from './submit.ts';

export interface StartReply {
  state: 'uploading' | 'accepted';
  missing: string[];
}

/** Queues an uploading batch once all its blobs are here; says what is missing otherwise. May be repeated. */
export async function startBatch(
  deps: BatchDeps,
  accountId: string,
  batchId: string,
): Promise<StartReply> {
  const reply = await deps.database.transaction(async (tx) => {
    await lockBatches(tx, [batchId]);
    const missing = await listMissingOf(tx, accountId, batchId);
    if (missing.length > 0) return { state: 'uploading' as const, missing };
    await tx.query(
      `update executions set state = 'queued', queued_at = now(), version = nextval('execution_version')
       where batch_id = $1 and state = 'uploading'`,
      [batchId],
    );
    return { state: 'accepted' as const, missing: [] };
  });
  deps.signals.notify('queue', `batch:${batchId}`);
  return reply;
}
