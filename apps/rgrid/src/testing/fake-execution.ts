import { createHash } from 'node:crypto';

import type {
  Batch,
  Execution,
  FileEntry,
  LogChunk,
  Manifest,
  ManifestEntry,
  ParsedSubmission,
} from '@nexus/grid/contract';
import { manifestSha256 } from '@nexus/grid/manifests';

export const sha256Of = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');

/** What an execution does once a test's platform gets to it. */
export interface Behaviour {
  state?: Execution['state'];
  exitCode?: number | null;
  reason?: string;
  /** In this order; each is one chunk of the log. */
  prints?: readonly (readonly ['stdout' | 'stderr', string | Buffer])[];
  /** Content by path; an entry of its own for anything but a plain file. */
  outputs?: Readonly<Record<string, string | Buffer | ManifestEntry>>;
  droppedBytes?: number;
  reusedFrom?: string;
  /** The stream of the batch does not bring its log along. */
  isLogLarge?: boolean;
  /** It never ends by itself. */
  isEndless?: boolean;
}

export function fileEntry(path: string, content: string | Buffer, mode = 0o644): FileEntry {
  const bytes = Buffer.from(content);
  return { type: 'file', path, mode, sizeBytes: bytes.length, sha256: sha256Of(bytes) };
}

export function outputsOf({ outputs = {} }: Behaviour): {
  manifest: Manifest;
  blobs: Map<string, Buffer>;
} {
  const blobs = new Map<string, Buffer>();
  const entries = Object.entries(outputs).map(([path, content]): ManifestEntry => {
    if (typeof content !== 'string' && !Buffer.isBuffer(content)) return content;
    const entry = fileEntry(path, content);
    blobs.set(entry.sha256, Buffer.from(content));
    return entry;
  });
  return { manifest: { entries: entries.sort((a, b) => (a.path < b.path ? -1 : 1)) }, blobs };
}

export function chunksOf(executionId: string, { prints = [] }: Behaviour): LogChunk[] {
  return prints.map(([stream, data], sequence) => ({
    executionId,
    epoch: 1,
    sequence,
    stream,
    data: Buffer.from(data).toString('base64'),
  }));
}

/** As the stream of a batch has them. */
export function logsOf(executionId: string, behaviour: Behaviour): LogChunk[] | null {
  return behaviour.isLogLarge ? null : chunksOf(executionId, behaviour);
}

const TIME = '2026-11-01T12:00:00.000Z';

/** An execution as the platform would show it, complete in every property. */
export function executionOf(
  base: Pick<
    Execution,
    'id' | 'batchId' | 'index' | 'label' | 'script' | 'args' | 'input' | 'state'
  >,
  behaviour: Behaviour = {},
): Execution {
  const { manifest } = outputsOf(behaviour);
  const files = manifest.entries.filter((entry) => entry.type === 'file');
  const bytesOf = (stream: string) =>
    (behaviour.prints ?? [])
      .filter(([name]) => name === stream)
      .reduce((sum, [, data]) => sum + Buffer.from(data).length, 0);
  return {
    ...base,
    epoch: 1,
    retriesUsed: 0,
    timesLost: 0,
    exitCode: behaviour.exitCode ?? (behaviour.exitCode === null ? null : 0),
    reason: behaviour.reason ?? null,
    workerName: 'worker-1',
    sandbox: 'bubblewrap',
    outputs: {
      manifestSha256: sha256Of(JSON.stringify({ entries: manifest.entries })),
      fileCount: files.length,
      sizeBytes: files.reduce((sum, file) => sum + file.sizeBytes, 0),
    },
    logs: {
      stdoutBytes: bytesOf('stdout'),
      stderrBytes: bytesOf('stderr'),
      droppedBytes: behaviour.droppedBytes ?? 0,
    },
    usage: { wallMs: 100, cpuMs: 50, maxMemoryBytes: 1e6 },
    costMicros: 0,
    metadata: {},
    reusedFrom: behaviour.reusedFrom ?? null,
    retriedAs: null,
    waiting: null,
    createdAt: TIME,
    queuedAt: TIME,
    leasedAt: TIME,
    startedAt: TIME,
    finishedAt: TIME,
  };
}

export function batchOf(
  id: string,
  executions: readonly Execution[],
  { spec, project }: Pick<ParsedSubmission, 'spec' | 'project'>,
): Batch {
  const count = (state: Execution['state']) =>
    executions.filter((execution) => execution.state === state).length;
  return {
    id,
    keyName: 'test',
    spec,
    projectSha256: manifestSha256(project),
    counts: {
      uploading: count('uploading'),
      queued: count('queued'),
      leased: count('leased'),
      running: count('running'),
      publishing: count('publishing'),
      succeeded: count('succeeded'),
      failed: count('failed'),
      timed_out: count('timed_out'),
      out_of_memory: count('out_of_memory'),
      cancelled: count('cancelled'),
      lost: count('lost'),
    },
    total: executions.length,
    parallel: null,
    priority: 0,
    retries: 0,
    metadata: {},
    costMicros: 0,
    createdAt: TIME,
    finishedAt: TIME,
  };
}
