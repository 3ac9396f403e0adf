import type { Database, Queryable } from '@nexus/db';
import { decideReport, slotCostMicros, type ReportDecision, type ReportedExecution } from '@nexus/grid';
import type { FinishedItem, ReportItem } from '@nexus/grid/contract';

import { listMissing } from '../blobs/blob-index.ts';
import { recordManifest, type StoredManifest } from '../manifests/manifest-store.ts';
import { lockBatches } from './locks.ts';
import { applyChanges, type Change } from './apply-changes.ts';

export type ReportResult = 'accepted' | 'refused' | 'missing_blobs';

export interface Report {
  worker: { id: string; slots: number; priceMicrosPerHour: number };
  items: readonly ReportItem[];
  /** Output manifests by the position of their item, already in storage. */
  outputs: ReadonlyMap<number, StoredManifest>;
  maxTimesLost: number;
}

export interface ReportOutcome {
  results: ReportResult[];
  /** Batches in which something changed. */
  batchIds: string[];
  /** Work was given back, or room under a `--parallel` came free. */
  isQueueChanged: boolean;
}

export interface ExecutionRow extends ReportedExecution {
  id: string;
  batchId: string;
  accountId: string;
  retries: number;
  hasParallelLimit: boolean;
  leasedAt: Date;
  startedAt: Date | null;
}

/** Takes a worker's word on its executions, all in one transaction; only the lease holder's word counts. */
export async function report(database: Database, request: Report): Promise<ReportOutcome> {
  if (request.items.length === 0) return { results: [], batchIds: [], isQueueChanged: false };
  return database.transaction((tx) => reportIn(tx, request));
}

async function reportIn(tx: Queryable, request: Report): Promise<ReportOutcome> {
  const ids = request.items.map((item) => item.executionId);
  const rows = await lockExecutions(tx, ids);
  const results: ReportResult[] = [];
  const changes: Change[] = [];
  for (const [position, item] of request.items.entries()) {
    const row = rows.get(item.executionId);
    const decision = row ? decide(row, item, request) : ({ kind: 'refuse' } as const);
    const isMissing = row && isPublished(decision) && (await isOutputMissing(tx, row, request.outputs.get(position)));
    results.push(isMissing ? 'missing_blobs' : decision.kind === 'refuse' ? 'refused' : 'accepted');
    if (!row || isMissing || decision.kind === 'refuse' || decision.kind === 'repeat') continue;
    const change = toChange({ row, item, decision, request, outputs: request.outputs.get(position) });
    changes.push(change);
    // Two items on one execution in one call ("running", then "finished"): the second sees the first.
    row.state = change.state;
  }
  await applyChanges(tx, changes);
  return {
    results,
    batchIds: [...new Set(changes.map((change) => change.row.batchId))],
    isQueueChanged: changes.some((change) => change.state === 'queued' || (change.attempt && change.row.hasParallelLimit)),
  };
}

async function lockExecutions(tx: Queryable, ids: readonly string[]): Promise<Map<string, ExecutionRow>> {
  await lockBatches(tx, ids.map((id) => id.split('-', 1)[0] ?? id));
  const rows = await tx.query<ExecutionRow>(
    `select e.id, e.batch_id as "batchId", e.account_id as "accountId", e.state, e.worker_id as "workerId", e.epoch,
       e.retries_used as "retriesUsed", e.times_lost as "timesLost", e.leased_at as "leasedAt",
       e.started_at as "startedAt", e.cancel_requested_at is not null as "isCancelRequested",
       b.retries, b.queued > 0 and b.active >= b.parallel as "hasParallelLimit"
     from executions e join batches b on b.id = e.batch_id where e.id = any($1)`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

function decide(row: ExecutionRow, item: ReportItem, request: Report): ReportDecision {
  return decideReport(row, item, {
    workerId: request.worker.id,
    retries: row.retries,
    maxTimesLost: request.maxTimesLost,
  });
}

function isPublished(decision: ReportDecision): boolean {
  return decision.kind === 'finish' || decision.kind === 'requeue';
}

/** A result counts only with every byte of it here; records the manifest if so. */
async function isOutputMissing(tx: Queryable, row: ExecutionRow, outputs: StoredManifest | undefined): Promise<boolean> {
  if (!outputs) return false;
  const names = outputs.manifest.entries.flatMap((entry) => (entry.type === 'file' ? [entry.sha256] : []));
  if ((await listMissing(tx, row.accountId, names)).length > 0) return true;
  await recordManifest(tx, row.accountId, outputs);
  return false;
}

interface Decided {
  row: ExecutionRow;
  item: ReportItem;
  decision: Exclude<ReportDecision, { kind: 'refuse' | 'repeat' }>;
  request: Report;
  outputs: StoredManifest | undefined;
}

function toChange({ row, item, decision, request, outputs }: Decided): Change {
  const sandbox = item.kind === 'running' || item.kind === 'finished' ? item.sandbox : null;
  if (decision.kind === 'advance') return { row, state: decision.state, sandbox };
  const state = decision.kind === 'finish' ? decision.state : 'queued';
  const finished: FinishedItem | undefined = item.kind === 'finished' ? item : undefined;
  const reason = finished?.reason ?? (item.kind === 'worker_failed' ? item.reason : null);
  const endedAt = new Date();
  const durationMs = Math.max(0, endedAt.getTime() - row.leasedAt.getTime());
  const { slots, priceMicrosPerHour } = request.worker;
  return {
    row,
    state,
    sandbox,
    finished: decision.kind === 'finish' ? finished : undefined,
    reason,
    outputsSha256: decision.kind === 'finish' ? (outputs?.sha256 ?? null) : null,
    counters: decision.kind === 'requeue' ? decision : undefined,
    attempt: {
      outcome: decision.outcome,
      exitCode: finished?.exitCode ?? null,
      reason,
      // Work given back unstarted took nobody's time worth charging.
      costMicros: decision.outcome === 'released' ? 0 : slotCostMicros({ durationMs, priceMicrosPerHour, slots }),
    },
  };
}
