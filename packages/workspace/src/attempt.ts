import { open, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

import type { AttemptOutcome, BatchSpec, FileEntry, Manifest } from '@nexus/grid/contract';
import {
  sandboxOwner,
  type Mount,
  type SandboxDriver,
  type SandboxExit,
  type SandboxSpec,
} from '@nexus/sandbox';

import { planLayout, type Layout } from './layout.ts';
import { findFile } from './find-file.ts';
import { materialize, takeBaseline, type BlobSource } from './materialize.ts';
import { removeTree } from './remove-tree.ts';
import type { Interpreters } from './runtimes/interpreters.ts';
import { resolveRuntime, type ResolvedRuntime } from './runtimes/resolve-runtime.ts';
import { scanChanges, type Changes } from './scan-changes.ts';

/** Installed dependencies, ready to be mounted. */
export interface InstalledDependencies {
  mounts: Mount[];
  env: Record<string, string>;
}

export interface AttemptRequest {
  /** `[a-z0-9-]+`, unique on this machine. */
  id: string;
  /** An empty folder, this attempt's alone. Its owner removes it afterwards. */
  folder: string;
  spec: BatchSpec;
  project: Manifest;
  input: FileEntry | null;
  args: readonly string[];
  /** The user's own variables; they win over ours. */
  env: Readonly<Record<string, string>>;
  source: BlobSource;
  driver: SandboxDriver;
  interpreters: Interpreters;
  /** Standard input as a file; undefined: empty. */
  stdinPath?: string | undefined;
  signal: AbortSignal;
  /** Called once the script's language is known and before its files are laid out. */
  installDependencies(runtime: ResolvedRuntime): Promise<InstalledDependencies>;
  onStarted(): void;
  /** Must read both streams to their ends. */
  onOutput(streams: { stdout: Readable; stderr: Readable }): Promise<void>;
}

export interface AttemptResult {
  outcome: AttemptOutcome;
  exitCode: number | null;
  /** A sentence where the outcome and exit code do not say it all. */
  reason: string | null;
  usage: { wallMs: number | null; cpuMs: number | null; maxMemoryBytes: number | null };
  changes: Changes;
  /** Where the bytes of a changed file are on this machine, by its path in the manifest. */
  pathOf(relative: string): string;
}

const KILL_GRACE_MS = 5000;
const OPEN_FILES = 4096;
/** Enough to see a `#!` line. */
const HEAD_BYTES = 256;

/** Lays the files out, runs the script in a sandbox and finds what it made. The same here and on a worker. */
export async function runAttempt(request: AttemptRequest): Promise<AttemptResult> {
  const tree = join(request.folder, 'tree');
  const layout = planLayout(request);
  const owner = request.driver.name === 'process' ? null : sandboxOwner();
  await materialize({
    tree,
    entries: layout.entries,
    folders: [layout.root, layout.cwd],
    owner,
    source: request.source,
  });
  const runtime = await findRuntime(request, layout, tree);
  if (!runtime.ok) return notStarted(layout, tree, runtime.reason);
  const installed = await request.installDependencies(runtime.runtime);
  request.signal.throwIfAborted();
  const mountPoints = findMountPoints(layout, [
    ...runtime.runtime.mounts,
    ...installed.mounts.map((mount) => mount.target),
  ]);
  await materialize({ tree, entries: [], folders: mountPoints, owner, source: request.source });
  const baseline = await takeBaseline(tree, layout.entries);
  const exit = await runScript(
    request,
    toSandboxSpec(request, { layout, tree, runtime: runtime.runtime, installed }),
  );
  const changes = await scanChanges({ tree, root: layout.root, baseline, exclude: mountPoints });
  return toResult(exit, { layout, tree, changes });
}

type FoundRuntime = { ok: true; runtime: ResolvedRuntime } | { ok: false; reason: string };

async function findRuntime(
  request: AttemptRequest,
  layout: Layout,
  tree: string,
): Promise<FoundRuntime> {
  const { spec } = request;
  const path = spec.script.startsWith('/') ? layout.script : join(layout.root, spec.script);
  const file = findFile(layout.entries, path);
  if (!file)
    return { ok: false, reason: `the script ${spec.script} did not travel with the project` };
  return resolveRuntime({
    scriptName: spec.script,
    firstBytes: await readHead(join(tree, file.path)),
    mode: file.mode,
    requested: spec.runtime,
    isImage: spec.image !== null,
    interpreters: request.interpreters,
  });
}

async function readHead(path: string): Promise<Buffer> {
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

interface Prepared {
  layout: Layout;
  tree: string;
  runtime: ResolvedRuntime;
  installed: InstalledDependencies;
}

function toSandboxSpec(
  request: AttemptRequest,
  { layout, tree, runtime, installed }: Prepared,
): SandboxSpec {
  const { spec, driver } = request;
  const isIsolated = driver.description.isolates;
  // Without mounts the script sees the folder where it really is.
  const inside = (path: string) => (isIsolated ? path : join(tree, path));
  const script = spec.script.startsWith('/') ? inside(layout.script) : layout.script;
  const own = layout.entries
    .map((entry) => entry.path)
    .filter((path) => !path.startsWith(layout.root));
  const args = isIsolated
    ? layout.args
    : layout.args.map((arg) => (own.includes(arg) ? inside(arg) : arg));
  return {
    id: request.id,
    command: [
      ...runtime.argvPrefix,
      runtime.argvPrefix.length > 0 || script.includes('/') ? script : `./${script}`,
      ...args,
    ],
    cwd: inside(layout.cwd),
    env: {
      ...baseEnvironment(runtime),
      ...installed.env,
      RGRID_EXECUTION_ID: request.id,
      ...request.env,
    },
    mounts: [
      ...layout.topFolders.map((folder): Mount => ({
        source: join(tree, folder),
        target: folder,
        access: 'write',
      })),
      ...runtime.mounts.map((path): Mount => ({ source: path, target: path, access: 'read' })),
      ...installed.mounts,
    ],
    diskRoots: [tree],
    limits: {
      cpus: spec.limits.cpus,
      memoryBytes: spec.limits.memoryBytes,
      timeoutMs: spec.limits.timeoutSeconds * 1000,
      processes: spec.limits.processes,
      openFiles: OPEN_FILES,
      diskBytes: spec.limits.diskBytes,
    },
    network: spec.network,
    ...(spec.image === null ? {} : { image: spec.image }),
    stdin:
      request.stdinPath === undefined
        ? { kind: 'empty' }
        : { kind: 'file', path: request.stdinPath },
    killGraceMs: KILL_GRACE_MS,
  };
}

function baseEnvironment(runtime: ResolvedRuntime): Record<string, string> {
  return {
    PATH: [
      ...runtime.path,
      '/usr/local/sbin',
      '/usr/local/bin',
      '/usr/sbin',
      '/usr/bin',
      '/sbin',
      '/bin',
    ].join(':'),
    HOME: '/tmp',
    TMPDIR: '/tmp',
    LANG: 'C.UTF-8',
    // A line that is printed shall be seen at once; Python would keep it until its buffer is full.
    PYTHONUNBUFFERED: '1',
    PYTHONDONTWRITEBYTECODE: '1',
  };
}

async function runScript(request: AttemptRequest, spec: SandboxSpec): Promise<SandboxExit> {
  const running = await request.driver.start(spec);
  request.onStarted();
  const cancel = () => running.cancel();
  request.signal.addEventListener('abort', cancel, { once: true });
  if (request.signal.aborted) cancel();
  try {
    const [exit] = await Promise.all([
      running.exited,
      request.onOutput({ stdout: running.stdout, stderr: running.stderr }),
    ]);
    return exit;
  } finally {
    request.signal.removeEventListener('abort', cancel);
  }
}

/** Mounts that lie in what the script may write to: there must be a folder for them, which is not the script's doing. */
function findMountPoints(layout: Layout, targets: readonly string[]): string[] {
  return targets.filter((target) =>
    layout.topFolders.some((folder) => target.startsWith(`${folder}/`)),
  );
}

function toResult(
  exit: SandboxExit,
  made: { layout: Layout; tree: string; changes: Changes },
): AttemptResult {
  const { wallMs, cpuMs, maxMemoryBytes } = exit;
  return {
    ...judge(exit),
    usage: {
      wallMs: Math.round(wallMs),
      cpuMs: round(cpuMs),
      maxMemoryBytes: round(maxMemoryBytes),
    },
    changes: made.changes,
    pathOf: (relative) => join(made.tree, made.layout.root, relative),
  };
}

function round(value: number | null): number | null {
  return value === null ? null : Math.round(value);
}

type Judgement = Pick<AttemptResult, 'outcome' | 'exitCode' | 'reason'>;

function judge({ outcome }: SandboxExit): Judgement {
  switch (outcome.kind) {
    case 'exited':
      return {
        outcome: outcome.exitCode === 0 ? 'succeeded' : 'failed',
        exitCode: outcome.exitCode,
        reason: null,
      };
    case 'out_of_memory':
      return {
        outcome: 'out_of_memory',
        exitCode: 137,
        reason: 'it used more memory than its --memory limit',
      };
    case 'timed_out':
      return { outcome: 'timed_out', exitCode: 124, reason: 'it ran longer than its --timeout' };
    case 'disk_full':
      // 128 + SIGXFSZ, as a shell says of a script that a file-size limit has ended.
      return { outcome: 'failed', exitCode: 153, reason: 'it wrote more than its --disk limit' };
    case 'cancelled':
      return { outcome: 'cancelled', exitCode: null, reason: null };
    case 'not_started':
      return { outcome: 'failed', exitCode: null, reason: outcome.reason };
  }
}

function notStarted(layout: Layout, tree: string, reason: string): AttemptResult {
  return {
    ...judge({
      outcome: { kind: 'not_started', reason },
      wallMs: 0,
      cpuMs: null,
      maxMemoryBytes: null,
    }),
    usage: { wallMs: 0, cpuMs: null, maxMemoryBytes: null },
    changes: { manifest: { entries: [] }, skipped: [] },
    pathOf: (relative) => join(tree, layout.root, relative),
  };
}

/** Makes the folder of an attempt, empty, whatever an earlier one left there. */
export async function makeAttemptFolder(folder: string): Promise<void> {
  await removeTree(folder);
  await mkdir(folder, { recursive: true, mode: 0o711 });
}
