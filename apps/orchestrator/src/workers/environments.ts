import type { Database, Queryable } from '@nexus/db';
import { AppError } from '@nexus/kit/errors';
import type { ClaimEnvironmentReply, LeaseRef } from '@nexus/grid/contract';

/**
 * Installed dependencies, one row per account and key (hash of what is installed and on what).
 * building → ready, one builder at a time; a builder that dies or fails leaves the place to the next.
 */

const BUILD_MS = 10 * 60_000;
const RETRY_MS = 500;

export async function claimEnvironment(
  database: Database,
  wanted: { accountId: string; key: string; workerId: string },
): Promise<ClaimEnvironmentReply> {
  return database.transaction(async (tx) => {
    const found = await tx.query<{ sha256: string; sizeBytes: number }>(
      `update environments e set used_at = now() from blobs b
       where e.account_id = $1 and e.key = $2 and e.state = 'ready'
         and b.account_id = e.account_id and b.sha256 = e.blob_sha256
       returning b.sha256, b.size_bytes as "sizeBytes"`,
      [wanted.accountId, wanted.key],
    );
    if (found[0]) return { state: 'ready', ...found[0] };
    return (await takeBuild(tx, wanted))
      ? { state: 'build' }
      : { state: 'wait', retryMs: RETRY_MS };
  });
}

async function takeBuild(
  tx: Queryable,
  wanted: { accountId: string; key: string; workerId: string },
): Promise<boolean> {
  const taken = await tx.query(
    `insert into environments (account_id, key, state, builder_id, build_deadline)
     values ($1, $2, 'building', $3, now() + $4 * interval '1 millisecond')
     on conflict (account_id, key) do update
       set state = 'building', builder_id = excluded.builder_id, build_deadline = excluded.build_deadline, used_at = now()
       where environments.state = 'ready' or environments.build_deadline < now()
         or environments.builder_id = excluded.builder_id
         or not exists (select 1 from workers w where w.id = environments.builder_id and w.state <> 'gone')
     returning key`,
    [wanted.accountId, wanted.key, wanted.workerId, BUILD_MS],
  );
  return taken.length > 0;
}

export type BuildResult =
  | { state: 'ready'; sha256: string; sizeBytes: number }
  | { state: 'failed' };

export async function finishEnvironment(
  database: Database,
  built: { accountId: string; key: string; workerId: string; result: BuildResult },
): Promise<void> {
  const { accountId, key, workerId, result } = built;
  if (result.state === 'failed') {
    await database.query(
      "delete from environments where account_id = $1 and key = $2 and builder_id = $3 and state = 'building'",
      [accountId, key, workerId],
    );
    return;
  }
  await database.query(
    `update environments e set state = 'ready', blob_sha256 = $4, build_deadline = null, used_at = now()
     where account_id = $1 and key = $2 and builder_id = $3
       and exists (select 1 from blobs b where b.account_id = $1 and b.sha256 = $4)`,
    [accountId, key, workerId, result.sha256],
  );
}

/** The account a worker may act for: that of an execution it holds now. Throws AppError lease_lost otherwise. */
export async function accountOfLease(
  database: Database,
  workerId: string,
  lease: LeaseRef,
): Promise<string> {
  const rows = await database.query<{ accountId: string }>(
    `select account_id as "accountId" from executions
     where id = $1 and epoch = $2 and worker_id = $3 and state in ('leased', 'running', 'publishing')`,
    [lease.executionId, lease.epoch, workerId],
  );
  if (!rows[0]) throw new AppError('lease_lost', `this worker does not hold ${lease.executionId}`);
  return rows[0].accountId;
}
