import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import {
  manifestSchema,
  type FinishedItem,
  type LeaseRef,
  type Manifest,
} from '@nexus/grid/contract';
import { errorMessage } from '@nexus/kit/errors';
import type { Logger } from '@nexus/kit/logger';
import type { SandboxDriver } from '@nexus/sandbox';
import {
  inParallel,
  makeAttemptFolder,
  removeTree,
  runAttempt,
  type AttemptResult,
  type Interpreters,
} from '@nexus/workspace';

import type { BlobCache } from '../blobs/blob-cache.ts';
import { uploadFile } from '../blobs/blob-transfer.ts';
import { DependencyError, type EnvironmentStore } from '../environments/environment-store.ts';
import type { GridClient } from '../grid/grid-client.ts';
import type { HeldLease } from '../leases/held-lease.ts';
import type { Mailbox } from '../leases/mailbox.ts';
import { LogPump } from '../logs/log-pump.ts';
import { holdToDiskLimit } from './hold-to-disk-limit.ts';
import { leaseSource } from './lease-source.ts';
import { uploadLogChunk } from './upload-log-chunk.ts';

export interface AttemptDeps {
  client: GridClient;
  cache: BlobCache;
  environments: EnvironmentStore;
  mailbox: Mailbox;
  interpreters: Interpreters;
  /** The driver for this batch, or why none on this machine will do. */
  driverFor(held: HeldLease): { ok: true; driver: SandboxDriver } | { ok: false; reason: string };
  /** Where attempts' folders are made. */
  folder: string;
  logger: Logger;
  /** The script has ended: its slot is free, its result is on the way. */
  onSlotFree(held: HeldLease): void;
}

/** Runs one leased execution to its end and reports it. Never throws: what goes wrong is part of the report. */
export async function runLease(deps: AttemptDeps, held: HeldLease): Promise<void> {
  const { lease, controller } = held;
  const ref: LeaseRef = { executionId: lease.executionId, epoch: lease.epoch };
  const folder = join(deps.folder, `${lease.executionId}-e${lease.epoch}`);
  const startedAt = performance.now();
  try {
    await makeAttemptFolder(folder);
    await runInFolder(deps, held, { ref, folder });
  } catch (error) {
    await reportFailure(deps, held, { ref, error });
  } finally {
    deps.onSlotFree(held);
    await removeTree(folder).catch((error: unknown) =>
      deps.logger.warn({ err: error }, 'could not remove the folder of an attempt'),
    );
    const durationMs = Math.round(performance.now() - startedAt);
    deps.logger.info({ ...ref, durationMs, stopped: controller.signal.reason }, 'attempt ended');
  }
}

interface Place {
  ref: LeaseRef;
  folder: string;
}

async function runInFolder(
  deps: AttemptDeps,
  held: HeldLease,
  { ref, folder }: Place,
): Promise<void> {
  const { lease, batch, controller } = held;
  const { signal } = controller;
  signal.throwIfAborted();
  const choice = deps.driverFor(held);
  if (!choice.ok) throw new DependencyError(choice.reason);
  const { driver } = choice;
  const source = leaseSource({ ...deps, lease: ref, signal });
  const pump = makePump(deps, held, ref);
  let logs = { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 };
  const project = await readProject(source, batch.projectSha256, folder);
  const attempt = await runAttempt({
    id: `${ref.executionId}-e${ref.epoch}`,
    folder,
    spec: batch.spec,
    project,
    input: lease.input,
    args: lease.args,
    env: batch.env,
    source,
    driver,
    interpreters: deps.interpreters,
    stdinPath: await fetchStdin(source, held, folder),
    signal,
    installDependencies: (runtime) =>
      deps.environments.install({ held, ref, driver, source, runtime, pump }),
    onStarted: () =>
      void deps.mailbox.report({
        ...ref,
        kind: 'running',
        sandbox: driver.name,
        startedAtMs: performance.now(),
      }),
    onOutput: async (streams) => {
      logs = await pump.run(streams);
    },
  });
  if (signal.aborted && signal.reason !== 'cancelled')
    throw new Error(`stopped: ${String(signal.reason)}`);
  deps.onSlotFree(held);
  const { diskBytes } = batch.spec.limits;
  const result = holdToDiskLimit(attempt, { project, input: lease.input, diskBytes });
  await publish(deps, { ref, result, signal });
  const usage = result.usage;
  await finish(deps, {
    ...ref,
    kind: 'finished',
    outcome: signal.aborted ? 'cancelled' : result.outcome,
    exitCode: result.exitCode,
    reason: joinReasons(result),
    sandbox: driver.name,
    outputs: result.changes.manifest.entries.length > 0 ? result.changes.manifest : null,
    logs,
    usage,
  });
}

function makePump(deps: AttemptDeps, { batch }: HeldLease, ref: LeaseRef): LogPump {
  return new LogPump({
    lease: ref,
    masked: batch.masked.map((name) => batch.env[name] ?? ''),
    limitBytes: batch.spec.limits.logBytes,
    sink: {
      push: (item) => deps.mailbox.pushLog(item),
      upload: (bytes) => uploadLogChunk(deps.client, ref, bytes),
    },
  });
}

type Source = ReturnType<typeof leaseSource>;

/** Manifests are asked for by every execution of a batch: parsed once, kept for as long as they are. */
const parsedManifests = new Map<string, Manifest>();
const MAX_PARSED = 16;

async function readProject(source: Source, name: string, folder: string): Promise<Manifest> {
  const known = parsedManifests.get(name);
  if (known) return known;
  const path = join(folder, 'project.json');
  // The size is part of a blob's reference, but of a manifest only the name is known beforehand.
  await source.fetchTo({ sha256: name, sizeBytes: 0 }, path);
  const manifest = manifestSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  if (parsedManifests.size >= MAX_PARSED) parsedManifests.clear();
  parsedManifests.set(name, manifest);
  return manifest;
}

async function fetchStdin(
  source: Source,
  { batch }: HeldLease,
  folder: string,
): Promise<string | undefined> {
  if (batch.spec.stdin === null) return undefined;
  const path = join(folder, 'stdin');
  await source.fetchTo(batch.spec.stdin, path);
  return path;
}

/** Every byte is with the control plane before the result says that it is. */
async function publish(
  deps: AttemptDeps,
  { ref, result, signal }: { ref: LeaseRef; result: AttemptResult; signal: AbortSignal },
): Promise<void> {
  const files = result.changes.manifest.entries.filter((entry) => entry.type === 'file');
  if (files.length === 0) return;
  void deps.mailbox.report({ ...ref, kind: 'publishing' });
  const missing = await deps.client.listMissing(
    ref,
    files.map(({ sha256: name, sizeBytes }) => ({ sha256: name, sizeBytes })),
  );
  const firstOfEach = new Map(
    files.filter((file) => missing.has(file.sha256)).map((file) => [file.sha256, file]),
  );
  await inParallel([...firstOfEach.values()], (file) =>
    uploadFile(deps.client, { lease: ref, blob: file, path: result.pathOf(file.path), signal }),
  );
}

function joinReasons({ reason, changes }: AttemptResult): string | null {
  const skipped =
    changes.skipped.length > 0
      ? `not brought back: ${changes.skipped.join(', ')}`.slice(0, 1500)
      : null;
  return [reason, skipped].filter((part) => part !== null).join('; ') || null;
}

async function finish(deps: AttemptDeps, item: FinishedItem): Promise<void> {
  const verdict = await deps.mailbox.report(item);
  if (verdict === 'missing_blobs') throw new Error('the control plane misses bytes of the result');
}

/** Tells whose fault it is: the user's dependencies, nobody's (stopped), or this worker's. */
async function reportFailure(
  deps: AttemptDeps,
  held: HeldLease,
  { ref, error }: { ref: LeaseRef; error: unknown },
): Promise<void> {
  const { signal } = held.controller;
  const emptyLogs = { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 };
  const nothing = {
    outputs: null,
    logs: emptyLogs,
    usage: { wallMs: null, cpuMs: null, maxMemoryBytes: null },
  };
  if (signal.aborted) {
    if (signal.reason === 'lost') return;
    if (signal.reason === 'shutdown') {
      await deps.mailbox.report({ ...ref, kind: 'released' });
      return;
    }
    await deps.mailbox.report({
      ...ref,
      kind: 'finished',
      outcome: 'cancelled',
      exitCode: null,
      reason: null,
      sandbox: '',
      ...nothing,
    });
    return;
  }
  if (error instanceof DependencyError) {
    const logs = { ...emptyLogs, stderrBytes: error.stderrBytes };
    await deps.mailbox.report({
      ...{
        ...ref,
        kind: 'finished',
        outcome: 'failed',
        exitCode: null,
        reason: error.message,
        sandbox: '',
      },
      ...{ ...nothing, logs },
    });
    return;
  }
  deps.logger.error({ err: error, ...ref }, 'attempt failed on this worker');
  await deps.mailbox.report({
    ...ref,
    kind: 'worker_failed',
    reason: errorMessage(error).slice(0, 500),
  });
}
