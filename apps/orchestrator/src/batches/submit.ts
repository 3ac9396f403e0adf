import type { Database, Queryable } from '@nexus/db';
import {
  executionId,
  type ParsedSubmission,
  type SubmitReply,
  type SubmittedExecution,
} from '@nexus/grid/contract';
import { AppError } from '@nexus/kit/errors';
import { sha256 } from '@nexus/kit/hash';
import { randomId } from '@nexus/kit/ids';
import type { BlobStore } from '@nexus/storage';
import type { Vault } from '@nexus/vault';

import type { Caller } from '../accounts/accounts.ts';
import {
  recordManifests,
  storeManifest,
  type StoredManifest,
} from '../manifests/manifest-store.ts';
import type { Signals } from '../signals/signals.ts';
import { attachToBatch, findAttachableBatch, repeatReply } from './attach.ts';
import { findMissing, listOwnBlobs } from './needed-blobs.ts';

export interface BatchDeps {
  database: Database;
  blobs: BlobStore;
  vault: Vault;
  signals: Signals;
}

/** No `--parallel` given: as many as there are slots. */
export const UNBOUNDED_PARALLEL = 1_000_000;

/** Makes a batch with all its executions in one transaction, or attaches to the same one made earlier. */
export async function submit(
  deps: BatchDeps,
  caller: Caller,
  submission: ParsedSubmission,
): Promise<SubmitReply> {
  const project = await storeManifest(deps.blobs, submission.project);
  const reply = await deps.database.transaction((tx) =>
    submitIn(tx, { deps, caller, submission, project }),
  );
  deps.signals.notify('queue', `batch:${reply.batchId}`);
  return reply;
}

interface SubmitContext {
  deps: BatchDeps;
  caller: Caller;
  submission: ParsedSubmission;
  project: StoredManifest;
}

async function submitIn(tx: Queryable, context: SubmitContext): Promise<SubmitReply> {
  const { submission, caller } = context;
  const identity = submission.rerun === 'reuse' ? batchIdentity(submission.executions) : null;
  const answered = await findAnswered(tx, context);
  if (answered !== undefined) return repeatReply(tx, caller.accountId, answered);
  const earlier = identity === null ? undefined : await findEarlier(tx, context, identity);
  const missing = await findMissing(tx, caller.accountId, submission);
  if (earlier !== undefined) return attachToBatch(tx, earlier, missing);
  await recordManifests(tx, context.deps.blobs, {
    accountId: caller.accountId,
    manifests: [context.project],
  });
  const batchId = await insertBatch(tx, context, identity);
  await insertBatchBlobs(tx, context, batchId);
  const reusable =
    submission.rerun === 'reuse' ? await findReusable(tx, context) : new Map<string, string>();
  await insertExecutions(tx, context, { batchId, reusable, isUploading: missing.length > 0 });
  const reused = submission.executions.filter((execution) =>
    reusable.has(execution.identity),
  ).length;
  const state = missing.length > 0 ? 'uploading' : 'accepted';
  return { batchId, state, isAttached: false, reused, requeued: 0, missing };
}

/** The batch that this very request has made already; its reply was lost on the way. */
async function findAnswered(
  tx: Queryable,
  { caller, submission }: SubmitContext,
): Promise<string | undefined> {
  if (submission.idempotencyKey === undefined) return undefined;
  await queueUp(tx, `${caller.accountId} key ${submission.idempotencyKey}`);
  const rows = await tx.query<{ id: string }>(
    'select id from batches where account_id = $1 and idempotency_key = $2',
    [caller.accountId, submission.idempotencyKey],
  );
  return rows[0]?.id;
}

/** Two clients that submit the same batch at once must end up in one. */
async function findEarlier(
  tx: Queryable,
  { caller }: SubmitContext,
  identity: string,
): Promise<string | undefined> {
  await queueUp(tx, `${caller.accountId} ${identity}`);
  return findAttachableBatch(tx, caller.accountId, identity);
}

/** Until the end of the transaction nobody else passes here with the same name. */
async function queueUp(tx: Queryable, name: string): Promise<void> {
  await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [name]);
}

function batchIdentity(executions: readonly SubmittedExecution[]): string {
  return sha256(
    executions.map((execution) => `${execution.identity} ${execution.label}`).join('\n'),
  );
}

async function insertBatch(
  tx: Queryable,
  context: SubmitContext,
  identity: string | null,
): Promise<string> {
  const { submission, caller, deps, project } = context;
  const { spec } = submission;
  const id = randomId();
  const hasEnv = Object.keys(submission.env).length > 0;
  const sealed = hasEnv
    ? deps.vault.seal(JSON.stringify(submission.env), ['batch env', caller.accountId, id])
    : null;
  await tx.query(
    `insert into batches (id, account_id, key_id, spec, project_sha256, env_sealed, masked, metadata, retries,
       priority, parallel, cpus, memory_bytes, requires, identity, idempotency_key, max_wait)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,
       $17 * interval '1 second')`,
    [
      ...[
        id,
        caller.accountId,
        caller.keyId,
        JSON.stringify(spec),
        project.sha256,
        sealed,
        submission.masked,
      ],
      ...[JSON.stringify(submission.metadata), submission.retries, submission.priority],
      ...[submission.parallel ?? UNBOUNDED_PARALLEL, spec.limits.cpus, spec.limits.memoryBytes],
      ...[requirements(submission), identity, submission.idempotencyKey ?? null],
      submission.maxWaitSeconds,
    ],
  );
  return id;
}

/** What a worker must offer to be given this batch. */
function requirements({ spec }: ParsedSubmission): string[] {
  if (spec.image !== null) {
    if (spec.sandbox !== null && spec.sandbox !== 'docker') {
      throw new AppError(
        'invalid_request',
        `an image runs in docker only, and the sandbox asked for is ${spec.sandbox}`,
      );
    }
    return ['driver:docker'];
  }
  return spec.sandbox === null ? [] : [`driver:${spec.sandbox}`];
}

async function insertBatchBlobs(
  tx: Queryable,
  context: SubmitContext,
  batchId: string,
): Promise<void> {
  const blobs = listOwnBlobs(context.submission);
  if (blobs.length === 0) return;
  await tx.query(
    'insert into batch_blobs (batch_id, account_id, blob_sha256) select $1, $2, unnest($3::text[])',
    [batchId, context.caller.accountId, blobs],
  );
}

/** Identity → the newest execution that succeeded with it. */
async function findReusable(tx: Queryable, context: SubmitContext): Promise<Map<string, string>> {
  const identities = context.submission.executions.map((execution) => execution.identity);
  const rows = await tx.query<{ id: string; identity: string }>(
    // The key share keeps the batch, and so its outputs and logs, from being cleaned away meanwhile.
    `select r.identity, r.id from (
       select distinct on (identity) identity, id, batch_id from executions
       where account_id = $1 and state = 'succeeded' and identity = any($2) and retried_as is null
       order by identity, finished_at desc
     ) r join batches b on b.id = r.batch_id order by b.id for key share of b`,
    [context.caller.accountId, identities],
  );
  return new Map(rows.map((row) => [row.identity, row.id]));
}

interface NewExecutions {
  batchId: string;
  reusable: ReadonlyMap<string, string>;
  isUploading: boolean;
}

async function insertExecutions(
  tx: Queryable,
  context: SubmitContext,
  wanted: NewExecutions,
): Promise<void> {
  const { executions } = context.submission;
  await tx.query(
    `insert into executions (id, batch_id, account_id, index, label, args, input, identity, state, version,
       reused_from, epoch, exit_code, outputs_sha256, stdout_bytes, stderr_bytes, dropped_bytes, sandbox, queued_at,
       started_at, finished_at)
     select n.id, $1, $2, n.index, n.label, n.args::jsonb, n.input::jsonb, n.identity,
       case when r.id is not null then 'succeeded' when $3 then 'uploading' else 'queued' end,
       nextval('execution_version'), coalesce(r.reused_from, r.id), coalesce(r.epoch, 0), r.exit_code, r.outputs_sha256,
       coalesce(r.stdout_bytes, 0), coalesce(r.stderr_bytes, 0), coalesce(r.dropped_bytes, 0), r.sandbox,
       case when $3 then null else now() end,
       case when r.id is not null then now() end, case when r.id is not null then now() end
     from unnest($4::text[], $5::int[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[])
       as n (id, index, label, args, input, identity, reusable_id)
     left join executions r on r.id = n.reusable_id
     order by n.index`,
    [
      ...[wanted.batchId, context.caller.accountId, wanted.isUploading],
      executions.map((_, index) => executionId(wanted.batchId, index)),
      executions.map((_, index) => index),
      executions.map((execution) => execution.label),
      executions.map((execution) => JSON.stringify(execution.args)),
      executions.map((execution) => (execution.input ? JSON.stringify(execution.input) : null)),
      executions.map((execution) => execution.identity),
      executions.map((execution) => wanted.reusable.get(execution.identity) ?? null),
    ],
  );
}
