import { loadSql, type Database, type Queryable } from '@nexus/db';
import type { BlobStore } from '@nexus/storage';

import { tryLockBytesAlone } from '../blobs/byte-locks.ts';

const forgetAttempts = loadSql(import.meta.url, './forget-attempts.sql');

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

/** Rows a statement: each of them can have many that go with it, and nobody shall wait long for their locks. */
const BATCH_SIZE = 50;
const BLOB_SIZE = 2000;

/** Cleans up. What a kept batch, execution, log or environment refers to is never touched. May be ended at any point. */
export async function sweep(
  deps: RetentionDeps,
  policy: RetentionPolicy,
  signal?: AbortSignal,
): Promise<Swept> {
  const { database } = deps;
  const toTheEnd = (size: number, step: () => Promise<number>) =>
    repeatWhileFull({ size, signal }, step);
  await toTheEnd(BATCH_SIZE, () => cancelAbandoned(database, policy.abandonedBefore));
  await deps.blobs.sweepUploads(policy.abandonedBefore);
  const batches = await toTheEnd(BATCH_SIZE, () => deleteBatches(database, policy.finishedBefore));
  await toTheEnd(BLOB_SIZE, () => deleteManifests(database, policy.unusedBefore));
  await database.query("delete from environments where state = 'ready' and used_at < $1", [
    policy.finishedBefore,
  ]);
  await toTheEnd(BLOB_SIZE, () => deleteRights(database, policy.unusedBefore));
  return { batches, blobs: await deleteBytes(deps, policy.unusedBefore, signal) };
}

/** Again and again until a step finds less than it could have taken. Returns how many it took in all. */
async function repeatWhileFull(
  { size, signal }: { size: number; signal: AbortSignal | undefined },
  step: () => Promise<number>,
): Promise<number> {
  let total = 0;
  for (;;) {
    signal?.throwIfAborted();
    const count = await step();
    total += count;
    if (count < size) return total;
  }
}

async function cancelAbandoned(database: Database, before: Date): Promise<number> {
  const [row] = await database.query<{ count: number }>(
    // By the age of the executions: in an old batch that was submitted again they are young.
    `with locked as (
       select id from batches b where uploading > 0 and exists (
         select 1 from executions e where e.batch_id = b.id and e.state = 'uploading' and e.created_at < $1)
       order by id limit $2 for no key update
     ), cancelled as (
       update executions e set state = 'cancelled', finished_at = now(), reason = 'its upload was never completed',
         version = nextval('execution_version')
       from locked where e.batch_id = locked.id and e.state = 'uploading' and e.created_at < $1
     )
     select count(*) as count from locked`,
    [before, BATCH_SIZE],
  );
  return row?.count ?? 0;
}

/** One whose results a later batch has taken over stays as long as that one: the logs are with it. */
async function deleteBatches(database: Database, before: Date): Promise<number> {
  return database.transaction(async (tx) => {
    const ended = await tx.query<{ id: string }>(
      `select b.id from batches b where b.finished_at < $1 and not exists (
         select 1 from executions e join executions r on r.reused_from = e.id
         where e.batch_id = b.id and r.batch_id <> b.id)
       order by b.finished_at limit $2 for update of b skip locked`,
      [before, BATCH_SIZE],
    );
    const ids = ended.map((batch) => batch.id);
    if (ids.length === 0) return 0;
    await tx.query(forgetAttempts, [ids]);
    await tx.query('delete from batches where id = any($1)', [ids]);
    return ids.length;
  });
}

async function deleteManifests(database: Database, before: Date): Promise<number> {
  const deleted = await database.query(
    `delete from manifests d where d.ctid in (
       select m.ctid from manifests m
       where m.used_at < $1
         and not exists (select 1 from batches b where b.account_id = m.account_id and b.project_sha256 = m.sha256)
         and not exists (select 1 from executions e where e.account_id = m.account_id and e.outputs_sha256 = m.sha256)
       limit $2
       for update of m skip locked
     ) and d.used_at < $1
     returning sha256`,
    [before, BLOB_SIZE],
  );
  return deleted.length;
}

/**
 * First the accounts' rights to blobs go. Whoever counts on one has renewed `used_at` in a transaction
 * of his own (`touch`), so he is either seen here or makes this delete pass the row over.
 */
async function deleteRights(database: Database, before: Date): Promise<number> {
  const deleted = await database.query(
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
       for update of b skip locked
     ) and d.used_at < $1
     returning sha256`,
    [before, BLOB_SIZE],
  );
  return deleted.length;
}

/**
 * Then the bytes that nobody has a right to: also those of a submit that was refused, or of a process
 * that died between the two.
 */
async function deleteBytes(
  { database, blobs }: RetentionDeps,
  before: Date,
  signal: AbortSignal | undefined,
): Promise<number> {
  // A database that knows of no blob at all is more likely the wrong one than that all of them are garbage.
  if ((await database.query('select 1 from blobs limit 1')).length === 0) return 0;
  let count = 0;
  for await (const names of blobs.list()) {
    for (const name of await listOrphans(database, names)) {
      signal?.throwIfAborted();
      const isDeleted = await database.transaction(async (tx) => {
        if (!(await tryLockBytesAlone(tx, name))) return false;
        return (await listOrphans(tx, [name])).length > 0 && blobs.delete(name, before);
      });
      if (isDeleted) count += 1;
    }
  }
  return count;
}

async function listOrphans(db: Queryable, names: readonly string[]): Promise<string[]> {
  const rows = await db.query<{ name: string }>(
    'select name from unnest($1::text[]) as name where not exists (select 1 from blobs where sha256 = name)',
    [names],
  );
  return rows.map((row) => row.name);
}
