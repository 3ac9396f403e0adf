import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import type { Execution, Manifest, ParsedSubmission } from '@nexus/grid/contract';
import { manifestSha256 } from '@nexus/grid/manifests';
import { randomId } from '@nexus/kit/ids';
import { makeAttemptFolder, MaskingStream, runAttempt, type AttemptResult } from '@nexus/workspace';

import type { Context } from '../context.ts';
import type { PreparedRun } from '../run/prepare-run.ts';
import type { ScriptPiece } from '../terminal/screen.ts';
import { DependencyProblem, LocalDependencies } from './local-dependencies.ts';
import { openLocalMachine, type LocalMachine } from './local-machine.ts';
import { copySource, localSource } from './local-source.ts';

export interface LocalOutcome {
  /** In the words of the platform, so that everything after it is the same for both. */
  execution: Execution;
  outputs: Manifest;
  /** Where the bytes of an output are until `close`. */
  pathOf(path: string): string;
}

/** Takes what a script prints; resolves when there is room for more. */
export type PrintSink = (piece: ScriptPiece) => Promise<void>;

/** Runs executions of a prepared run on this machine as a worker would. */
export class LocalAttempts {
  readonly #machine: LocalMachine;
  readonly #prepared: PreparedRun;
  readonly #dependencies: LocalDependencies;
  readonly #signal: AbortSignal;
  readonly #batchId = `local-${randomId(6)}`;
  #stdinPath: string | undefined;

  private constructor(parts: {
    machine: LocalMachine;
    prepared: PreparedRun;
    dependencies: LocalDependencies;
    signal: AbortSignal;
  }) {
    this.#machine = parts.machine;
    this.#prepared = parts.prepared;
    this.#dependencies = parts.dependencies;
    this.#signal = parts.signal;
  }

  static async open(
    context: Context,
    prepared: PreparedRun,
    signal: AbortSignal,
  ): Promise<LocalAttempts> {
    const { spec } = submissionOf(prepared);
    const machine = await openLocalMachine(context.env, spec);
    const cacheHome = context.env['XDG_CACHE_HOME'] ?? join(context.home, '.cache');
    const dependencies = new LocalDependencies({
      machine,
      source: localSource(prepared.sources),
      spec,
      env: context.env,
      cache: join(cacheHome, 'rgrid', 'environments'),
      signal,
    });
    const attempts = new LocalAttempts({ machine, prepared, dependencies, signal });
    await attempts.#copyStdin();
    return attempts;
  }

  get sandbox(): string {
    return this.#machine.driver.name;
  }

  async run(index: number, print: PrintSink): Promise<LocalOutcome> {
    const submission = submissionOf(this.#prepared);
    const execution = submission.executions[index];
    if (!execution) throw new Error(`there is no execution ${index}`);
    const id = `${this.#batchId}-${index}`;
    const folder = this.#folderOf(index);
    await makeAttemptFolder(folder);
    const counts = { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 };
    const result = await this.#attempt({ id, folder, index, counts, print });
    const { manifest } = result.changes;
    const sizeBytes = manifest.entries.reduce(
      (sum, entry) => sum + (entry.type === 'file' ? entry.sizeBytes : 0),
      0,
    );
    const fileCount = manifest.entries.filter((entry) => entry.type === 'file').length;
    return {
      outputs: manifest,
      pathOf: (path) => result.pathOf(path),
      execution: {
        ...blankExecution(id, this.#batchId),
        index,
        label: execution.label,
        script: submission.spec.script,
        args: execution.args,
        input: execution.input,
        state: this.#signal.aborted ? 'cancelled' : result.outcome,
        exitCode: this.#signal.aborted ? null : result.exitCode,
        reason: reasonOf(result),
        sandbox: this.sandbox,
        outputs: { manifestSha256: manifestSha256(manifest), fileCount, sizeBytes },
        logs: counts,
        usage: result.usage,
      },
    };
  }

  /** Frees the disk of an execution whose outputs are no longer needed. */
  async discard(index: number): Promise<void> {
    await rm(this.#folderOf(index), { recursive: true, force: true, maxRetries: 3 });
  }

  async close(): Promise<void> {
    await this.#machine.close();
  }

  async #attempt(job: Job): Promise<AttemptResult> {
    const { spec, project, executions, env, masked } = submissionOf(this.#prepared);
    const execution = executions[job.index];
    try {
      return await runAttempt({
        id: job.id,
        folder: job.folder,
        spec,
        project,
        input: execution?.input ?? null,
        args: execution?.args ?? [],
        env,
        source: localSource(this.#prepared.sources),
        driver: this.#machine.driver,
        interpreters: this.#machine.interpreters,
        stdinPath: this.#stdinPath,
        signal: this.#signal,
        installDependencies: (runtime) => this.#dependencies.install(runtime),
        onStarted: () => undefined,
        onOutput: (streams) =>
          printBoth(streams, { ...job, secrets: masked.map((name) => env[name] ?? '') }),
      });
    } catch (error) {
      return explainFailure(error, job, this.#signal);
    }
  }

  #folderOf(index: number): string {
    return join(this.#machine.folder, String(index));
  }

  async #copyStdin(): Promise<void> {
    const { stdin } = submissionOf(this.#prepared).spec;
    const source = stdin ? this.#prepared.sources.get(stdin.sha256) : undefined;
    if (!source) return;
    this.#stdinPath = join(this.#machine.folder, 'stdin');
    await copySource(source, this.#stdinPath);
  }
}

interface Job {
  id: string;
  folder: string;
  index: number;
  counts: Execution['logs'];
  print: PrintSink;
}

/** Names that could not be brought along are part of what happened, as on the grid. */
function reasonOf({ reason, changes }: AttemptResult): string | null {
  const skipped =
    changes.skipped.length > 0 ? `not brought back: ${changes.skipped.join(', ')}` : null;
  return [reason, skipped].filter((part) => part !== null).join('; ') || null;
}

async function printBoth(
  { stdout, stderr }: { stdout: Readable; stderr: Readable },
  { counts, print, secrets }: Job & { secrets: readonly string[] },
): Promise<void> {
  const pass = async (name: 'stdout' | 'stderr', stream: Readable) => {
    const masked = stream.pipe(new MaskingStream(secrets));
    // A transform without an encoding yields Buffers.
    for await (const data of masked as AsyncIterable<Buffer>) {
      if (name === 'stdout') counts.stdoutBytes += data.length;
      else counts.stderrBytes += data.length;
      await print({ stream: name, data });
    }
  };
  await Promise.all([pass('stdout', stdout), pass('stderr', stderr)]);
}

/** What the grid would have told of it: a failure that is no exit code, or a cancellation. */
async function explainFailure(
  error: unknown,
  { folder, print, counts }: Job,
  signal: AbortSignal,
): Promise<AttemptResult> {
  const isDependency = error instanceof DependencyProblem;
  if (!isDependency && !signal.aborted) throw error;
  if (isDependency) {
    const data = Buffer.from(error.said);
    counts.stderrBytes += data.length;
    await print({ stream: 'stderr', data });
  }
  return {
    outcome: isDependency ? 'failed' : 'cancelled',
    exitCode: null,
    reason: isDependency ? error.message : null,
    usage: { wallMs: null, cpuMs: null, maxMemoryBytes: null },
    changes: { manifest: { entries: [] }, skipped: [] },
    pathOf: (path) => join(folder, path),
  };
}

/** prepareRun() writes every property; only the contract's input type calls some of them optional. */
function submissionOf({ submission }: PreparedRun): ParsedSubmission {
  return submission as ParsedSubmission;
}

function blankExecution(id: string, batchId: string): Execution {
  const now = new Date().toISOString();
  return {
    id,
    batchId,
    index: 0,
    label: '',
    state: 'succeeded',
    script: '',
    args: [],
    input: null,
    epoch: 1,
    retriesUsed: 0,
    timesLost: 0,
    exitCode: null,
    reason: null,
    workerName: 'this machine',
    sandbox: null,
    outputs: null,
    logs: { stdoutBytes: 0, stderrBytes: 0, droppedBytes: 0 },
    usage: { wallMs: null, cpuMs: null, maxMemoryBytes: null },
    costMicros: 0,
    metadata: {},
    reusedFrom: null,
    retriedAs: null,
    waiting: null,
    createdAt: now,
    queuedAt: now,
    leasedAt: now,
    startedAt: now,
    finishedAt: now,
  };
}
