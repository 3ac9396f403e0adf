import type { Database, Queryable } from '@nexus/db';
import { decideReport, filesOf, slotCostMicros, type ReportDecision } from '@nexus/grid';
import { batchIdOf, type FinishedItem, type ReportItem } from '@nexus/grid/contract';
import type { BlobStore } from '@nexus/storage';

import { listMissing } from '../blobs/blob-index.ts';
import { recordManifests, type StoredManifest } from '../manifests/manifest-store.ts';
import { lockBatches } from './locks.ts';
import { applyChanges, type Change } from './apply-changes.ts';
import type { LeasedRow } from './leased-row.ts';

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

export interface ReportDeps {
  database: Database;
  blobs: BlobStore;
}

/** Takes a worker's word on its executions, all in one transaction; only the lease holder's word counts. */
export async function report(
  { database, blobs }: ReportDeps,
  request: Report,
): Promise<ReportOutcome> {
  if (request.items.length === 0) return { results: [], batchIds: [], isQueueChanged: false };
  return database.transaction((tx) => reportIn(tx, blobs, request));
}

async function reportIn(tx: Queryable, blobs: BlobStore, request: Report): Promise<ReportOutcome> {
  await lockBatches(tx, batchesOf(request));
  const [outcome] = await takeReports(tx, blobs, [request]);
  if (!outcome) throw new Error('a report has an outcome');
  return outcome;
}

export function batchesOf(request: Report): string[] {
  return request.items.map((item) => batchIdOf(item.executionId));
}

/** Takes several workers' words at once. The caller holds the locks of all `batchesOf` them. */
export async function takeReports(
  tx: Queryable,
  blobs: BlobStore,
  requests: readonly Report[],
): Promise<ReportOutcome[]> {
  const rows = await readExecutions(tx, requests);
  const incomplete = await publishOutputs(tx, blobs, { rows, requests });
  const judged = requests.map((request) => judge(request, rows, incomplete));
  await applyChanges(
    tx,
    judged.flatMap(({ changes }) => changes),
  );
  return judged.map(({ outcome }) => outcome);
}

interface Judged {
  outcome: ReportOutcome;
  changes: Change[];
}

function judge(
  request: Report,
  rows: ReadonlyMap<string, LeasedRow>,
  incomplete: ReadonlySet<ReportItem>,
): Judged {
  const results: ReportResult[] = [];
  const changes: Change[] = [];
  for (const [position, item] of request.items.entries()) {
    const row = rows.get(item.executionId);
    const decision = row ? decide(row, item, request) : ({ kind: 'refuse' } as const);
    const isMissing = isPublished(decision) && incomplete.has(item);
    results.push(verdict(decision, isMissing));
    if (!row || isMissing || decision.kind === 'refuse' || decision.kind === 'repeat') continue;
    const change = toChange({
      row,
      item,
      decision,
      request,
      outputs: request.outputs.get(position),
    });
    changes.push(change);
    // Two items on one execution in one call ("running", then "finished"): the second sees the first.
    row.state = change.state;
  }
  const batchIds = [...new Set(changes.map((change) => change.row.batchId))];
  const isQueueChanged = changes.some(
    (change) =>
      change.state === 'queued' || (change.attempt !== undefined && change.row.hasParallelLimit),
  );
  return { outcome: { results, batchIds, isQueueChanged }, changes };
}

function verdict(decision: ReportDecision, isMissing: boolean): ReportResult {
  if (isMissing) return 'missing_blobs';
  return decision.kind === 'refuse' ? 'refused' : 'accepted';
}

async function readExecutions(
  tx: Queryable,
  requests: readonly Report[],
): Promise<Map<string, LeasedRow>> {
  const ids = requests.flatMap((request) => request.items.map((item) => item.executionId));
  if (ids.length === 0) return new Map();
  const rows = await tx.query<LeasedRow>(
    `select e.id, e.batch_id as "batchId", e.account_id as "accountId", e.state, e.worker_id as "workerId", e.epoch,
       e.retries_used as "retriesUsed", e.times_lost as "timesLost", e.leased_at as "leasedAt",
       e.started_at as "startedAt", e.cancel_requested_at is not null as "isCancelRequested",
       b.retries, b.queued > 0 and b.active >= b.parallel as "hasParallelLimit"
     from executions e join batches b on b.id = e.batch_id where e.id = any($1)
     order by e.id for no key update of e`,
    [ids],
  );
  return new Map(rows.map((row) => [row.id, row]));
}

function decide(row: LeasedRow, item: ReportItem, request: Report): ReportDecision {
  return decideReport(row, item, {
    workerId: request.worker.id,
    retries: row.retries,
    maxTimesLost: request.maxTimesLost,
  });
}

function isPublished(decision: ReportDecision): boolean {
  return decision.kind === 'finish' || decision.kind === 'requeue';
}

/**
 * A result counts only with every byte of it here. Records the manifests of those for which that holds
 * and returns the others. All of an account at once: one after the other, the rows of blobs would be
 * locked in the order of the items, and two transactions could wait for each other.
 */
async function publishOutputs(
  tx: Queryable,
  blobs: BlobStore,
  { rows, requests }: { rows: ReadonlyMap<string, LeasedRow>; requests: readonly Report[] },
): Promise<Set<ReportItem>> {
  const byAccount = new Map<string, Map<ReportItem, StoredManifest>>();
  for (const request of requests) {
    for (const [position, outputs] of request.outputs) {
      const item = request.items[position];
      const row = item && rows.get(item.executionId);
      if (!row || !isPublished(decide(row, item, request))) continue;
      const ofAccount = byAccount.get(row.accountId) ?? new Map<ReportItem, StoredManifest>();
      byAccount.set(row.accountId, ofAccount.set(item, outputs));
    }
  }
  const incomplete = new Set<ReportItem>();
  for (const [accountId, outputs] of [...byAccount].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const missing = new Set(
      await listMissing(tx, accountId, [...outputs.values()].flatMap(namesOf)),
    );
    const isComplete = (stored: StoredManifest) =>
      namesOf(stored).every((name) => !missing.has(name));
    for (const [item, stored] of outputs) if (!isComplete(stored)) incomplete.add(item);
    await recordManifests(tx, blobs, {
      accountId,
      manifests: [...outputs.values()].filter(isComplete),
    });
  }
  return incomplete;
}

function namesOf({ manifest }: StoredManifest): string[] {
  return filesOf(manifest).map((file) => file.sha256);
}

interface Decided {
  row: LeasedRow;
  item: ReportItem;
  decision: Exclude<ReportDecision, { kind: 'refuse' | 'repeat' }>;
  request: Report;
  outputs: StoredManifest | undefined;
}

function toChange({ row, item, decision, request, outputs }: Decided): Change {
  const sandbox = item.kind === 'running' || item.kind === 'finished' ? item.sandbox : null;
  if (decision.kind === 'advance') {
    return {
      row,
      state: decision.state,
      sandbox,
      ...(item.kind === 'running' ? { startedMsAgo: item.startedMsAgo } : {}),
    };
  }
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
      costMicros:
        decision.outcome === 'released'
          ? 0
          : slotCostMicros({ durationMs, priceMicrosPerHour, slots }),
    },
  };
}
