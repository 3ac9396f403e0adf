import { loadSql, type Queryable } from '@nexus/db';
import type { AttemptOutcome, ExecutionState, FinishedItem } from '@nexus/grid/contract';

import type { ExecutionRow } from './report.ts';

const applySql = loadSql(import.meta.url, './apply-changes.sql');

/** One decided change of one execution. Null and undefined leave the column as it is. */
export interface Change {
  row: Pick<ExecutionRow, 'id' | 'batchId' | 'epoch' | 'hasParallelLimit'>;
  state: ExecutionState;
  sandbox?: string | null;
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

function toJson(change: Change, all: readonly Change[]) {
  const { finished, attempt, counters } = change;
  const hasStarted = all.some((other) => other.row.id === change.row.id && other.state === 'running');
  return {
    id: change.row.id,
    state: change.state,
    has_started: hasStarted,
    sandbox: change.sandbox ?? null,
    exit_code: finished?.exitCode ?? null,
    reason: change.reason ?? null,
    outputs_sha256: change.outputsSha256 ?? null,
    stdout_bytes: finished?.logs.stdoutBytes ?? null,
    stderr_bytes: finished?.logs.stderrBytes ?? null,
    dropped_bytes: finished?.logs.droppedBytes ?? null,
    wall_ms: finished?.usage.wallMs ?? null,
    cpu_ms: finished?.usage.cpuMs ?? null,
    max_memory_bytes: finished?.usage.maxMemoryBytes ?? null,
    retries_used: counters?.retriesUsed ?? null,
    times_lost: counters?.timesLost ?? null,
    outcome: attempt?.outcome ?? null,
    attempt_exit_code: attempt?.exitCode ?? null,
    attempt_reason: attempt?.reason ?? null,
    cost_micros: attempt?.costMicros ?? 0,
  };
}
