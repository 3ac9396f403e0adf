import type { Queryable } from '@nexus/db';
import { AppError } from '@nexus/kit/errors';

/** What a batch needs and its account has not sent. Throws AppError not_found, also for another account's batch. */
export async function listMissingOf(
  tx: Queryable,
  accountId: string,
  batchId: string,
): Promise<string[]> {
  const batches = await tx.query<{ project: string }>(
    'select project_sha256 as project from batches where id = $1 and account_id = $2',
    [batchId, accountId],
  );
  const batch = batches[0];
  if (!batch) throw new AppError('not_found', `there is no batch ${batchId}`);
  const rows = await tx.query<{ sha256: string }>(
    `select needed.sha256 from (
       select blob_sha256 as sha256 from manifest_blobs where account_id = $1 and manifest_sha256 = $2
       union
       select blob_sha256 from batch_blobs where batch_id = $3
     ) needed
     where not exists (select 1 from blobs b where b.account_id = $1 and b.sha256 = needed.sha256)`,
    [accountId, batch.project, batchId],
  );
  return rows.map((row) => row.sha256);
}
