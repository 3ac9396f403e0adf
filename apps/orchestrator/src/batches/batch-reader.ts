import type { Database } from '@nexus/db';
import { AppError } from '@nexus/kit/errors';
import type { Batch, BatchSpec, StateCounts } from '@nexus/grid/contract';

import { UNBOUNDED_PARALLEL } from './submit.ts';

interface BatchRow extends StateCounts {
  id: string;
  keyName: string;
  spec: BatchSpec;
  projectSha256: string;
  parallel: number;
  priority: number;
  retries: number;
  metadata: Record<string, string>;
  costMicros: number;
  createdAt: Date;
  finishedAt: Date | null;
}

/** Throws AppError not_found, also for what belongs to another account. */
export async function getBatch(database: Database, accountId: string, id: string): Promise<Batch> {
  const rows = await database.query<BatchRow>(
    `select b.*, k.name as "keyName", b.project_sha256 as "projectSha256", b.created_at as "createdAt",
       b.finished_at as "finishedAt",
       (select coalesce(sum(e.cost_micros), 0) from executions e where e.batch_id = b.id) as "costMicros"
     from batches b join api_keys k on k.id = b.key_id where b.id = $1 and b.account_id = $2`,
    [id, accountId],
  );
  const row = rows[0];
  if (!row) throw new AppError('not_found', `there is no batch ${id}`);
  const counts = countsOf(row);
  return {
    id: row.id,
    keyName: row.keyName,
    spec: row.spec,
    projectSha256: row.projectSha256,
    counts,
    total: Object.values(counts).reduce((sum, count) => sum + count, 0),
    parallel: row.parallel === UNBOUNDED_PARALLEL ? null : row.parallel,
    priority: row.priority,
    retries: row.retries,
    metadata: row.metadata,
    costMicros: row.costMicros,
    createdAt: row.createdAt.toISOString(),
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
}

export interface Progress {
  counts: StateCounts;
  isFinished: boolean;
}

/** One row, whatever the size of the batch: for those who look all the time. Throws AppError not_found. */
export async function readProgress(
  database: Database,
  accountId: string,
  id: string,
): Promise<Progress> {
  const rows = await database.query<StateCounts & { isFinished: boolean }>(
    `select *, finished_at is not null as "isFinished" from batches where id = $1 and account_id = $2`,
    [id, accountId],
  );
  const row = rows[0];
  if (!row) throw new AppError('not_found', `there is no batch ${id}`);
  return { counts: countsOf(row), isFinished: row.isFinished };
}

function countsOf(row: StateCounts): StateCounts {
  const { uploading, queued, leased, running, publishing } = row;
  const { succeeded, failed, timed_out, out_of_memory, cancelled, lost } = row;
  return {
    uploading,
    queued,
    leased,
    running,
    publishing,
    succeeded,
    failed,
    timed_out,
    out_of_memory,
    cancelled,
    lost,
  };
}
