import type { Execution, ExecutionState, FileEntry, Waiting } from '@nexus/grid/contract';

/** Columns of the read model; every query of executions for people selects these. */
export const EXECUTION_COLUMNS = `
  e.id, e.batch_id as "batchId", e.index, e.label, e.state, b.spec->>'script' as script, e.args, e.input, e.epoch,
  e.retries_used as "retriesUsed", e.times_lost as "timesLost", e.exit_code as "exitCode", e.reason,
  w.name as "workerName", e.sandbox, e.outputs_sha256 as "outputsSha256", m.file_count as "fileCount",
  m.size_bytes as "sizeBytes", e.stdout_bytes as "stdoutBytes", e.stderr_bytes as "stderrBytes",
  e.dropped_bytes as "droppedBytes", e.wall_ms as "wallMs", e.cpu_ms as "cpuMs",
  e.max_memory_bytes as "maxMemoryBytes", e.cost_micros as "costMicros", b.metadata, e.reused_from as "reusedFrom",
  e.retried_as as "retriedAs", e.version, e.created_at as "createdAt", e.queued_at as "queuedAt",
  e.leased_at as "leasedAt", e.started_at as "startedAt", e.finished_at as "finishedAt"`;

export const EXECUTION_TABLES = `
  executions e
  join batches b on b.id = e.batch_id
  left join workers w on w.id = e.worker_id
  left join manifests m on m.account_id = e.account_id and m.sha256 = e.outputs_sha256`;

export interface ExecutionRow {
  id: string;
  batchId: string;
  index: number;
  label: string;
  state: ExecutionState;
  script: string;
  args: string[];
  input: FileEntry | null;
  epoch: number;
  retriesUsed: number;
  timesLost: number;
  exitCode: number | null;
  reason: string | null;
  workerName: string | null;
  sandbox: string | null;
  outputsSha256: string | null;
  fileCount: number | null;
  sizeBytes: number | null;
  stdoutBytes: number;
  stderrBytes: number;
  droppedBytes: number;
  wallMs: number | null;
  cpuMs: number | null;
  maxMemoryBytes: number | null;
  costMicros: number;
  metadata: Record<string, string>;
  reusedFrom: string | null;
  retriedAs: string | null;
  version: number;
  createdAt: Date;
  queuedAt: Date | null;
  leasedAt: Date | null;
  startedAt: Date | null;
  finishedAt: Date | null;
}

export function toExecution(row: ExecutionRow, waiting: Waiting | null = null): Execution {
  const { outputsSha256, fileCount, sizeBytes, stdoutBytes, stderrBytes, droppedBytes } = row;
  const { wallMs, cpuMs, maxMemoryBytes, version: _version, ...rest } = row;
  return {
    ...rest,
    outputs:
      outputsSha256 === null
        ? null
        : { manifestSha256: outputsSha256, fileCount: fileCount ?? 0, sizeBytes: sizeBytes ?? 0 },
    logs: { stdoutBytes, stderrBytes, droppedBytes },
    usage: { wallMs, cpuMs, maxMemoryBytes },
    waiting,
    createdAt: row.createdAt.toISOString(),
    queuedAt: row.queuedAt?.toISOString() ?? null,
    leasedAt: row.leasedAt?.toISOString() ?? null,
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
  };
}
