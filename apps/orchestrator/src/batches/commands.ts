import { AppError } from '@nexus/kit/errors';
import type { CancelReply, RetryReply } from '@nexus/grid/contract';

import { cancelExecutions } from '../queue/cancel.ts';
import { lockBatches } from '../queue/locks.ts';
import { retryExecutions } from '../queue/retry.ts';
import type { Topic } from '../signals/signals.ts';
import { listMissingOf } from './missing-blobs.ts';
import type { BatchDeps } from './submit.ts';

export interface Scope {
  batchId: string;
  /** Only this one of the batch. */
  executionId?: string;
}

export async function cancel(
  deps: BatchDeps,
  accountId: string,
  scope: Scope,
): Promise<CancelReply> {
  await requireScope(deps, accountId, scope);
  const { cancelled, stopping, workerIds } = await cancelExecutions(deps.database, {
    accountId,
    ...scope,
  });
  deps.signals.notify(`batch:${scope.batchId}`, ...workerIds.map((id): Topic => `worker:${id}`));
  return { cancelled, stopping };
}

/** Runs again what failed (`all`: what ended); each retry is a new execution in the same batch. */
export async function retry(
  deps: BatchDeps,
  accountId: string,
  scope: Scope & { all: boolean },
): Promise<RetryReply> {
  await requireScope(deps, accountId, scope);
  const retried = await deps.database.transaction(async (tx) => {
    await lockBatches(tx, [scope.batchId]);
    const ended = await tx.query<{ id: string }>(
      `select id from executions
       where batch_id = $1 and ($2::text is null or id = $2) and retried_as is null
         and state in ('failed', 'timed_out', 'out_of_memory', 'cancelled', 'lost', 'succeeded')
         and ($3 or state <> 'succeeded')
       order by index`,
      [scope.batchId, scope.executionId ?? null, scope.all],
    );
    if (ended.length > 0 && (await listMissingOf(tx, accountId, scope.batchId)).length > 0) {
      throw new AppError(
        'conflict',
        `not all files of batch ${scope.batchId} were ever uploaded; submit it again`,
      );
    }
    return retryExecutions(
      tx,
      ended.map((row) => row.id),
      'queued',
    );
  });
  if (scope.executionId !== undefined && retried.length === 0) {
    throw new AppError(
      'conflict',
      `execution ${scope.executionId} has not ended, or was retried already`,
    );
  }
  deps.signals.notify('queue', `batch:${scope.batchId}`);
  return { retried };
}

async function requireScope(deps: BatchDeps, accountId: string, scope: Scope): Promise<void> {
  const rows = await deps.database.query(
    scope.executionId === undefined
      ? 'select 1 from batches where account_id = $1 and id = $2'
      : 'select 1 from executions where account_id = $1 and id = $2',
    [accountId, scope.executionId ?? scope.batchId],
  );
  if (rows.length > 0) return;
  const subject =
    scope.executionId === undefined ? `batch ${scope.batchId}` : `execution ${scope.executionId}`;
  throw new AppError('not_found', `there is no ${subject}`);
}
