import { execFile } from 'node:child_process';
import { access, constants, readdir, realpath } from 'node:fs/promises';
import { basename, delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A program that runs scripts, found once: a version manager's shim costs 100 ms at every start. */
export interface Interpreter {
  /** `python`, `python3.12`, `node`, `bash`, … */
  name: string;
  /** The real program, behind all links and shims. */
  path: string;
  version: string;
  /** Folders outside of the system's own that it needs to run. */
  mounts: string[];
  /** What goes before a TypeScript file, so that all of the language runs. */
  typeScriptFlags?: readonly string[];
}

/** By name; several names may mean the same program. */
export type Interpreters = ReadonlyMap<string, Interpreter>;

const PROBE_TIMEOUT_MS = 5000;
const PYTHON_PROBE =
  'import sys; print(sys.executable); print(sys.base_prefix); print(sys.prefix); print(sys.version.split()[0])';
const OTHERS = ['bash', 'sh', 'perl', 'ruby', 'Rscript', 'php', 'lua', 'julia'];

/** Looks through PATH; `node` is the one this process runs on. */
export async function findInterpreters(path: string): Promise<Interpreters> {
  const folders = path.split(delimiter).filter((folder) => folder.startsWith('/'));
  const found = await Promise.all([
    ...(await pythonNames(folders)).map((name) => findPython(name, folders)),
    ...OTHERS.map((name) => findOther(name, folders)),
    findNode(),
    findNpm(folders),
  ]);
  const all = new Map<string, Interpreter>();
  for (const interpreter of found) if (interpreter) all.set(interpreter.name, interpreter);
  const python = all.get('python3') ?? all.get('python');
  if (python) all.set('python', { ...python, name: 'python' });
  return all;
}

async function pythonNames(folders: readonly string[]): Promise<string[]> {
  const names = new Set(['python3']);
  for (const folder of folders) {
    for (const name of await readdir(folder).catch(() => []))
      if (/^python3\.\d+$/.test(name)) names.add(name);
  }
  return [...names];
}

async function findPython(
  name: string,
  folders: readonly string[],
): Promise<Interpreter | undefined> {
  // A version manager has a shim for versions that are not switched on, too; the next folder may have a real one.
  for (const candidate of await listPrograms(name, folders)) {
    const answer = await run(candidate, ['-c', PYTHON_PROBE], { timeout: PROBE_TIMEOUT_MS }).catch(
      () => undefined,
    );
    const [executable, basePrefix, prefix, version] = answer?.stdout.split('\n') ?? [];
    if (!executable || !basePrefix || !prefix || !version) continue;
    return { name, path: executable, version, mounts: outsideOfSystem([prefix, basePrefix]) };
  }
  return undefined;
}

async function findOther(
  name: string,
  folders: readonly string[],
): Promise<Interpreter | undefined> {
  const [first] = await listPrograms(name, folders);
  if (first === undefined) return undefined;
  const path = await realpath(first);
  return {
    name,
    path: isSystem(path) ? first : path,
    version: '',
    mounts: outsideOfSystem([dirname(dirname(path))]),
  };
}

async function findNode(): Promise<Interpreter> {
  const path = await realpath(process.execPath);
  return {
    name: 'node',
    path,
    version: process.version,
    mounts: outsideOfSystem([dirname(dirname(path))]),
    typeScriptFlags: typeScriptFlags(process.allowedNodeEnvironmentFlags),
  };
}

const TRANSFORM = '--experimental-transform-types';

/** Node only strips types by itself: enums, namespaces and parameter properties need code made of them. */
function typeScriptFlags(known: ReadonlySet<string>): string[] {
  // The warning would be the first thing on every stderr.
  return known.has(TRANSFORM) ? [TRANSFORM, '--disable-warning=ExperimentalWarning'] : [];
}

/** npm is a script for Node: `path` is that script. */
async function findNpm(folders: readonly string[]): Promise<Interpreter | undefined> {
  const [first] = await listPrograms('npm', folders);
  if (first === undefined) return undefined;
  const path = await realpath(first);
  if (basename(path) !== 'npm-cli.js') return undefined;
  return { name: 'npm', path, version: '', mounts: outsideOfSystem([dirname(dirname(path))]) };
}

async function listPrograms(name: string, folders: readonly string[]): Promise<string[]> {
  const programs: string[] = [];
  for (const folder of folders) {
    const path = join(folder, name);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) programs.push(path);
  }
  return programs;
}

function outsideOfSystem(folders: readonly string[]): string[] {
  return [...new Set(folders)].filter((folder) => !isSystem(folder));
}

/** Folders that every sandbox shows anyway. */
function isSystem(path: string): boolean {
  return /^\/(usr|bin|lib|lib64|sbin)(\/|$)/.test(path) || path === '/';
}
