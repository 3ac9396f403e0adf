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
import type { Relocation } from '@nexus/workspace/layout';

import type { Context } from '../context.ts';
import { gather } from '../project/gather.ts';
import type { HashCache } from '../project/hash-cache.ts';
import { pack, type BlobSource, type Package } from '../project/pack.ts';
import { describeStaying } from '../project/staying.ts';
import { findLargeProject, type LargeProject } from '../project/size-check.ts';
import type { Findings } from '../project/walk.ts';
import { type ProjectFile } from '../project/walk.ts';
import type { BatchInput } from './expand-inputs.ts';
import { executionIdentity, sharedIdentity } from './identity.ts';
import type { RunPlan } from './plan-run.ts';
import type { ScriptStdin } from './read-stdin.ts';
import { relocationsOf } from './relocations.ts';

export interface PreparedRun {
  plan: RunPlan;
  submission: Submission;
  sources: Map<string, BlobSource>;
  totalBytes: number;
  /** What stays here although no rule says so. */
  notes: readonly string[];
  /** What the script sees under another path. */
  relocations: readonly Relocation[];
  /** What was sent at a manifest path. */
  sentEntry(path: string): ManifestEntry | undefined;
  /** Removes temporary files. */
  dispose(): void;
}

export interface PrepareHooks {
  /** Throws to stop; called before anything is read or sent. */
  confirmLarge(large: LargeProject): Promise<void>;
  /** Called before so much is read that it takes a while. */
  onReading(bytes: number): Promise<void>;
}

/** Finds, reads and names everything that travels, and writes the submission. */
export async function prepareRun(
  context: Context,
  plan: RunPlan,
  hooks: PrepareHooks,
): Promise<PreparedRun> {
  const inputFiles = (plan.inputs ?? []).map((input) => inputFile(plan, input));
  const inputs = inputFiles.filter((file) => file !== undefined);
  const findings = gatherRun(plan, inputFiles);
  const found = { chosen: findings.chosen, project: [...findings.files.values()], inputs };
  const cache = await hashCache(context, plan, [...found.project, ...inputs]);
  await checkSize(plan, { found, cache, hooks, home: context.home });
  const stdin = await stdinOf(context, plan.options.stdin);
  const packed = await pack({ findings, inputs, cache });
  if (stdin) packed.sources.set(stdin.sha256, stdin.source);
  const submission = submissionOf(plan, { packed, stdin, inputFiles });
  return {
    plan,
    submission,
    sources: packed.sources,
    totalBytes: packed.totalBytes + (stdin?.sizeBytes ?? 0),
    notes: describeStaying(findings.staying),
    relocations: relocationsOf(submission),
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
  files: readonly ProjectFile[],
): Promise<HashCache | undefined> {
  const total = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (total < CACHE_FROM_BYTES && files.length < 500) return undefined;
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

interface Found {
  project: readonly ProjectFile[];
  inputs: readonly ProjectFile[];
  /** Manifest paths that arguments name. */
  chosen: ReadonlySet<string>;
}

/** Reading this much takes long enough to say so. */
const TELL_FROM_BYTES = 1e9;

async function checkSize(plan: RunPlan, { found, cache, hooks, home }: SizeCheck): Promise<void> {
  const isUnseen = (file: ProjectFile) => !cache?.find(file);
  const unseen = found.project.filter(isUnseen);
  const large = await findLarge(
    plan,
    unseen.filter((file) => !found.chosen.has(file.path)),
    home,
  );
  if (large && !plan.options.isConfirmed) await hooks.confirmLarge(large);
  const toRead = [...unseen, ...found.inputs.filter(isUnseen)];
  const bytes = toRead.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (bytes >= TELL_FROM_BYTES) await hooks.onReading(bytes);
}

async function findLarge(
  { project }: RunPlan,
  files: readonly ProjectFile[],
  home: string,
): Promise<LargeProject | undefined> {
  if (!findLargeProject(files)) return undefined;
  // What earlier runs brought here was no surprise then, and the platform has it.
  const { Ledger } = await import('../outputs/ledger.ts');
  const ledger = Ledger.load(home, project.root);
  return findLargeProject(files.filter((file) => ledger.contentsOf(file.path).length === 0));
}

interface SizeCheck {
  found: Found;
  cache: HashCache | undefined;
  hooks: PrepareHooks;
  home: string;
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
    maxWaitSeconds: options.maxWaitSeconds,
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
