import { fstatSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';

import type {
  BatchSpec,
  FileEntry,
  ManifestEntry,
  Submission,
  SubmittedExecution,
} from '@nexus/grid/contract';
import { randomId } from '@nexus/kit/ids';

import type { Context } from '../context.ts';
import { gather } from '../project/gather.ts';
import type { HashCache } from '../project/hash-cache.ts';
import { pack, type BlobSource, type Package } from '../project/pack.ts';
import { findLargeProject, type LargeProject } from '../project/size-check.ts';
import type { Findings } from '../project/walk.ts';
import { type ProjectFile } from '../project/walk.ts';
import type { BatchInput } from './expand-inputs.ts';
import { executionIdentity, sharedIdentity } from './identity.ts';
import type { RunPlan } from './plan-run.ts';
import type { ScriptStdin } from './read-stdin.ts';

export interface PreparedRun {
  plan: RunPlan;
  submission: Submission;
  sources: Map<string, BlobSource>;
  totalBytes: number;
  /** What stays here although no rule says so. */
  notes: readonly string[];
  /** What was sent at a manifest path. */
  sentEntry(path: string): ManifestEntry | undefined;
  /** Removes temporary files. */
  dispose(): void;
}

export interface PrepareHooks {
  /** Throws to stop; called before anything is read or sent. */
  confirmLarge(large: LargeProject): Promise<void>;
}

/** Finds, reads and names everything that travels, and writes the submission. */
export async function prepareRun(
  context: Context,
  plan: RunPlan,
  hooks: PrepareHooks,
): Promise<PreparedRun> {
  const inputFiles = (plan.inputs ?? []).map((input) => inputFile(plan, input));
  const findings = gatherRun(plan, inputFiles);
  const cache = await hashCache(context, plan, findings);
  const large = findLargeProject(unseenFiles(findings, cache));
  if (large && !plan.options.isConfirmed) await hooks.confirmLarge(large);
  const stdin = await stdinOf(context, plan.options.stdin);
  const inputs = inputFiles.filter((file) => file !== undefined);
  const packed = await pack({ findings, inputs, cache });
  if (stdin) packed.sources.set(stdin.sha256, stdin.source);
  return {
    plan,
    submission: submissionOf(plan, { packed, stdin, inputFiles }),
    sources: packed.sources,
    totalBytes: packed.totalBytes + (stdin?.sizeBytes ?? 0),
    notes: findings.notes,
    sentEntry: entryFinder(packed),
    dispose: () => stdin?.dispose(),
  };
}

function entryFinder({ manifest }: Package): (path: string) => ManifestEntry | undefined {
  let byPath: Map<string, ManifestEntry> | undefined;
  return (path) => {
    byPath ??= new Map(manifest.entries.map((entry) => [entry.path, entry]));
    return byPath.get(path);
  };
}

function gatherRun(plan: RunPlan, inputFiles: readonly (ProjectFile | undefined)[]): Findings {
  const { project, options, inputs } = plan;
  const folders = (inputs ?? []).filter((input) => input.isDirectory).map((input) => input.text);
  const outputs = resolve(project.cwd, options.outputDir ?? 'outputs');
  return gather({
    project,
    required: [plan.script.path, ...plan.dependencies.flatMap((dependency) => dependency.files)],
    words: [...plan.args, ...folders],
    // What a batch brings back must not make the next run of it another batch.
    excluded: inputs ? [outputs, ...inputFiles.flatMap((file) => file?.absolute ?? [])] : [],
  });
}

/** The file of a batch's input where it will travel to; undefined for folders and plain values. */
function inputFile({ project }: RunPlan, input: BatchInput): ProjectFile | undefined {
  if (input.path === null || input.isDirectory) return undefined;
  const absolute = project.place(input.path);
  const stats = statSync(absolute);
  return {
    path: project.manifestPath(absolute),
    absolute,
    mode: stats.mode & 0o777,
    sizeBytes: stats.size,
    mtimeMs: stats.mtimeMs,
    ctimeMs: stats.ctimeMs,
    inode: stats.ino,
  };
}

/** Small projects are hashed faster than a cache is read. */
const CACHE_FROM_BYTES = 2e6;

async function hashCache(
  context: Context,
  plan: RunPlan,
  findings: Findings,
): Promise<HashCache | undefined> {
  const total = [...findings.files.values()].reduce((sum, file) => sum + file.sizeBytes, 0);
  if (total < CACHE_FROM_BYTES && findings.files.size < 500) return undefined;
  const folder = context.env['XDG_CACHE_HOME'] ?? join(context.home, '.cache');
  const { HashCache } = await import('../project/hash-cache.ts');
  return HashCache.load(join(folder, 'rgrid', 'hashes'), plan.project.root);
}

/** A terminal or /dev/null, the commonest of all: what reads the others costs 4 ms to load. */
function isDevice(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice();
  } catch {
    return true;
  }
}

async function stdinOf(
  context: Context,
  mode: 'auto' | 'required' | 'none',
): Promise<ScriptStdin | undefined> {
  if (mode === 'none' || (mode === 'auto' && isDevice(context.stdin.fd))) return undefined;
  const { readStdin } = await import('./read-stdin.ts');
  return readStdin(context, mode);
}

function unseenFiles(findings: Findings, cache: HashCache | undefined): ProjectFile[] {
  return [...findings.files.values()].filter(
    (file) => !findings.chosen.has(file.path) && !cache?.find(file),
  );
}

interface Contents {
  packed: Package;
  stdin: ScriptStdin | undefined;
  inputFiles: readonly (ProjectFile | undefined)[];
}

function submissionOf(plan: RunPlan, contents: Contents): Submission {
  const { options, environment } = plan;
  const spec = specOf(plan, contents);
  const project = contents.packed.manifest;
  const shared = sharedIdentity({ spec, project, env: environment.env });
  return {
    spec,
    project,
    executions: executionsOf(plan, contents, shared),
    env: environment.env,
    masked: environment.masked,
    metadata: options.metadata,
    priority: options.priority,
    parallel: options.parallel,
    retries: options.retries,
    rerun: plan.inputs && !options.isForced ? 'reuse' : 'always',
    idempotencyKey: randomId(24),
  };
}

function specOf(plan: RunPlan, { packed, stdin }: Contents): BatchSpec {
  const { project, options } = plan;
  const manifestPath = (path: string) => project.manifestPath(project.place(path));
  const entryOf = (path: string): FileEntry[] => {
    const entry = packed.entries.get(manifestPath(path));
    return entry ? [entry] : [];
  };
  return {
    script: manifestPath(plan.script.path),
    root: project.root,
    workingDirectory: project.workingDirectory,
    runtime: options.runtime,
    image: options.image,
    sandbox: options.sandbox,
    network: options.network,
    dependencies: plan.dependencies.map(({ manager, files }) => ({
      manager,
      files: files.flatMap(entryOf),
    })),
    stdin: stdin ? { sha256: stdin.sha256, sizeBytes: stdin.sizeBytes } : null,
    limits: options.limits,
  };
}

function executionsOf(
  plan: RunPlan,
  { packed, inputFiles }: Contents,
  shared: string,
): SubmittedExecution[] {
  if (!plan.inputs) {
    return [
      {
        label: plan.script.text,
        args: [...plan.args],
        input: null,
        identity: executionIdentity(shared, plan.args, null),
      },
    ];
  }
  return plan.inputs.map((item, index) => {
    const args = withInput(plan.args, item.text);
    const input = packed.entries.get(inputFiles[index]?.path ?? '') ?? null;
    return { label: item.text, args, input, identity: executionIdentity(shared, args, input) };
  });
}

/** The input goes where `{}` stands, or behind the other arguments. */
export function withInput(args: readonly string[], input: string): string[] {
  if (!args.some((arg) => arg.includes('{}'))) return [...args, input];
  return args.map((arg) => arg.replaceAll('{}', () => input));
}
