import { setTimeout as sleep } from 'node:timers/promises';

import type { BatchEvent, LogChunk } from '@nexus/grid/contract';

import {
  EXECUTION_COLUMNS,
  EXECUTION_TABLES,
  toExecution,
  type ExecutionRow,
} from '../executions/execution-rows.ts';
import { readSmallLogs } from '../logs/log-store.ts';
import { getBatch, readProgress } from './batch-reader.ts';
import type { BatchDeps } from './submit.ts';

export interface FollowBatch {
  accountId: string;
  batchId: string;
  after: number;
  isFollowing: boolean;
  signal: AbortSignal;
}

const HEARTBEAT_MS = 10_000;
const ROWS_PER_READ = 200;
/** Logs up to this size travel with the news of the end; one request for each would cost more. */
const SMALL_LOG_BYTES = 16 * 1024;
/** A batch of many short executions changes all the time; looking more often would only cost. */
const GATHER_MS = 40;

/** Every ended execution of the batch once, in the order of their ends, and the counts as they change. */
export async function* followBatch(
  deps: BatchDeps,
  request: FollowBatch,
): AsyncGenerator<BatchEvent> {
  const { accountId, batchId, signal } = request;
  let version = request.after;
  let lastCounts = '';
  while (!signal.aborted) {
    const controller = new AbortController();
    const change = deps.signals.wait(
      [`batch:${batchId}`],
      HEARTBEAT_MS,
      AbortSignal.any([signal, controller.signal]),
    );
    try {
      // Read first: what ends after it has a higher version than anything counted in it.
      const { counts, isFinished } = await readProgress(deps.database, accountId, batchId);
      const rows = await listEnded(deps, batchId, version);
      for (const event of await toEvents(deps, rows)) yield event;
      version = rows.at(-1)?.version ?? version;
      if (rows.length === ROWS_PER_READ) continue;
      const text = JSON.stringify(counts);
      if (text !== lastCounts) yield { type: 'counts', counts };
      lastCounts = text;
      if (isFinished || !request.isFollowing) {
        const batch = await getBatch(deps.database, accountId, batchId);
        // Finished, or retried by hand, since it was looked at above: what that changed comes first.
        if ((batch.finishedAt !== null) !== isFinished) continue;
        yield { type: 'end', batch };
        return;
      }
      const startedAt = Date.now();
      await change;
      if (Date.now() - startedAt >= HEARTBEAT_MS) yield { type: 'heartbeat' };
      await sleep(GATHER_MS, undefined, { signal }).catch(() => undefined);
    } finally {
      controller.abort();
    }
  }
}

async function listEnded(deps: BatchDeps, batchId: string, after: number): Promise<ExecutionRow[]> {
  return deps.database.query<ExecutionRow>(
    `select ${EXECUTION_COLUMNS} from ${EXECUTION_TABLES}
     where e.batch_id = $1 and e.version > $2 and e.retried_as is null
       and e.state in ('succeeded', 'failed', 'timed_out', 'out_of_memory', 'cancelled', 'lost')
     order by e.version limit $3`,
    [batchId, after, ROWS_PER_READ],
  );
}

async function toEvents(deps: BatchDeps, rows: readonly ExecutionRow[]): Promise<BatchEvent[]> {
  const small = rows.filter((row) => row.stdoutBytes + row.stderrBytes <= SMALL_LOG_BYTES);
  const printing = small.filter((row) => row.stdoutBytes + row.stderrBytes > 0);
  const origins = printing.map((row) => ({ id: row.reusedFrom ?? row.id, epoch: row.epoch }));
  const logs =
    origins.length > 0
      ? await readSmallLogs(deps.database, origins)
      : new Map<string, LogChunk[]>();
  const smallIds = new Set(small.map((row) => row.id));
  const logsOf = (row: ExecutionRow): LogChunk[] =>
    (logs.get(row.reusedFrom ?? row.id) ?? []).map((chunk) => ({ ...chunk, executionId: row.id }));
  return rows.map((row) => ({
    type: 'execution',
    version: row.version,
    execution: toExecution(row),
    logs: smallIds.has(row.id) ? logsOf(row) : null,
  }));
}
