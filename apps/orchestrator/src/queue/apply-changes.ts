import { loadSql, type Queryable } from '@nexus/db';
import type { AttemptOutcome, ExecutionState, FinishedItem } from '@nexus/grid/contract';

import type { LeasedRow } from './leased-row.ts';

const applySql = loadSql(import.meta.url, './apply-changes.sql');

/** One decided change of one execution. Null and undefined leave the column as it is. */
export interface Change {
  row: Pick<LeasedRow, 'id' | 'batchId' | 'epoch' | 'hasParallelLimit'>;
  state: ExecutionState;
  sandbox?: string | null;
  /** With `running`. */
  startedMsAgo?: number;
  finished?: FinishedItem | undefined;
  reason?: string | null;
  outputsSha256?: string | null;
  counters?: { retriesUsed: number; timesLost: number } | undefined;
  /** The attempt that ends with this change. */
  attempt?: {
    outcome: AttemptOutcome | 'lost' | 'released';
    exitCode: number | null;
    reason: string | null;
    costMicros: number;
  };
}

/** Writes all changes in one statement. The caller holds the batch locks. */
export async function applyChanges(tx: Queryable, changes: readonly Change[]): Promise<void> {
  // The last change of an execution says all: the attempt row carries what came between.
  const latest = [...new Map(changes.map((change) => [change.row.id, change])).values()];
  if (latest.length === 0) return;
  await tx.query(applySql, [JSON.stringify(latest.map((change) => toJson(change, changes)))]);
}

// What is left out is null in the statement, and leaves its column as it is.
function toJson(change: Change, all: readonly Change[]) {
  const { finished, attempt, counters } = change;
  return {
    id: change.row.id,
    state: change.state,
    started_ms_ago: all.find((other) => other.row.id === change.row.id && other.state === 'running')
      ?.startedMsAgo,
    sandbox: change.sandbox,
    reason: change.reason,
    outputs_sha256: change.outputsSha256,
    retries_used: counters?.retriesUsed,
    times_lost: counters?.timesLost,
    ...(finished && resultColumns(finished)),
    ...attemptColumns(attempt),
  };
}

function resultColumns({ exitCode, logs, usage }: FinishedItem) {
  return {
    exit_code: exitCode,
    stdout_bytes: logs.stdoutBytes,
    stderr_bytes: logs.stderrBytes,
    dropped_bytes: logs.droppedBytes,
    wall_ms: usage.wallMs,
    cpu_ms: usage.cpuMs,
    max_memory_bytes: usage.maxMemoryBytes,
  };
}

function attemptColumns(attempt: Change['attempt']) {
  return {
    outcome: attempt?.outcome,
    attempt_exit_code: attempt?.exitCode,
    attempt_reason: attempt?.reason,
    cost_micros: attempt?.costMicros ?? 0,
  };
}
