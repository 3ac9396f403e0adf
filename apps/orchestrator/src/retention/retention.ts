import type { Database } from '@nexus/db';
import type { BlobStore } from '@nexus/storage';

export interface RetentionDeps {
  database: Database;
  blobs: BlobStore;
}

export interface RetentionPolicy {
  /** Batches that finished before this are deleted with their logs. */
  finishedBefore: Date;
  /** Batches whose upload was begun before this and never completed are cancelled; unfinished uploads dropped. */
  abandonedBefore: Date;
  /** Blobs that nothing refers to are deleted unless used after this. */
  unusedBefore: Date;
}

export interface Swept {
  batches: number;
  blobs: number;
}

const BATCH_SIZE = 200;

/** One bounded step of cleaning up. What a kept batch, execution, log or environment refers to is never touched. */
export async function sweep(deps: RetentionDeps, policy: RetentionPolicy): Promise<Swept> {
  await cancelAbandoned(deps.database, policy.abandonedBefore);
  await deps.blobs.sweepUploads(policy.abandonedBefore);
  const batches = await deleteBatches(deps.database, policy.finishedBefore);
  await deleteManifests(deps.database, policy.unusedBefore);
  await deps.database.query("delete from environments where state = 'ready' and used_at < $1", [policy.finishedBefore]);
  return { batches, blobs: await deleteBlobs(deps, policy.unusedBefore) };
}

async function cancelAbandoned(database: Database, before: Date): Promise<void> {
  await database.query(
    `with locked as (
       select id from batches where uploading > 0 and created_at < $1 order by id limit $2 for no key update
     )
     update executions e set state = 'cancelled', finished_at = now(), reason = 'its upload was never completed',
       version = nextval('execution_version')
     from locked where e.batch_id = locked.id and e.state = 'uploading'`,
    [before, BATCH_SIZE],
  );
}

async function deleteBatches(database: Database, before: Date): Promise<number> {
  const deleted = await database.query(
    `delete from batches where id in (
       select id from batches where finished_at < $1 order by finished_at limit $2 for update skip locked
     ) returning id`,
    [before, BATCH_SIZE],
  );
  return deleted.length;
}

async function deleteManifests(database: Database, before: Date): Promise<void> {
  await database.query(
    `delete from manifests m where m.ctid in (
       select m.ctid from manifests m
       where m.created_at < $1
         and not exists (select 1 from batches b where b.account_id = m.account_id and b.project_sha256 = m.sha256)
         and not exists (select 1 from executions e where e.account_id = m.account_id and e.outputs_sha256 = m.sha256)
       limit $2
     )`,
    [before, BATCH_SIZE],
  );
}

/**
 * First the account's right to the blob goes, then, if nobody else has one, the bytes. A submit that
 * counts on a blob has touched `used_at` in its own transaction, so it is either seen here or makes
 * this delete wait and miss.
 */
async function deleteBlobs({ database, blobs }: RetentionDeps, before: Date): Promise<number> {
  const deleted = await database.query<{ sha256: string }>(
    `delete from blobs d where d.ctid in (
       select b.ctid from blobs b
       where b.used_at < $1
         and not exists (select 1 from manifests m where m.account_id = b.account_id and m.sha256 = b.sha256)
         and not exists (select 1 from manifest_blobs m where m.account_id = b.account_id and m.blob_sha256 = b.sha256)
         and not exists (select 1 from batch_blobs n where n.account_id = b.account_id and n.blob_sha256 = b.sha256)
         and not exists (select 1 from environments v where v.account_id = b.account_id and v.blob_sha256 = b.sha256)
         and not exists (select 1 from log_chunks l join executions e on e.id = l.execution_id
           where l.blob_sha256 = b.sha256 and e.account_id = b.account_id)
       limit $2
       for update skip locked
     ) and d.used_at < $1
     returning sha256`,
    [before, BATCH_SIZE],
  );
  let count = 0;
  for (const { sha256 } of deleted) {
    if (await deleteBytes({ database, blobs }, sha256)) count += 1;
  }
  return count;
}

async function deleteBytes({ database, blobs }: RetentionDeps, sha256: string): Promise<boolean> {
  const others = await database.query('select 1 from blobs where sha256 = $1 limit 1', [sha256]);
  return others.length === 0 && blobs.delete(sha256);
}
