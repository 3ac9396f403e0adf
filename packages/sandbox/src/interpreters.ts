import { execFile } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Mount } from './driver.ts';
import { isInside } from './mount-table.ts';

/** An interpreter as scripts are started with it. */
export interface Interpreter {
  /** The word it was asked for by, such as `python3`. */
  name: string;
  /** The real program: no shim, which would cost 100 ms a start and needs files outside. */
  path: string;
  version: string;
  /** What must be mounted for it to run in a sandbox; empty when all of it is in the system's directories. */
  mounts: readonly Mount[];
}

export interface InterpreterSearch {
  /** PATH decides the order; HOME and the like are for version managers. */
  env: Readonly<Record<string, string>>;
}

/** Always inside, see the root view. */
const SYSTEM_PATHS = ['/usr', '/bin', '/sbin', '/lib', '/lib64'];
const DEFAULT_NAMES = ['python3', 'node', 'sh', 'bash', 'ruby', 'perl', 'Rscript', 'php', 'lua'];
const PROBE_TIMEOUT_MS = 10_000;

/** Each prints the program, its version and the directories it needs, one a line. */
const PROBES: readonly { pattern: RegExp; args: readonly string[] }[] = [
  {
    pattern: /^(python|pypy)/,
    args: [
      '-I',
      '-c',
      'import sys, platform; print(sys.executable, platform.python_version(), sys.prefix, sys.base_prefix, sys.base_exec_prefix, sep="\\n")',
    ],
  },
  {
    pattern: /^ruby/,
    args: ['-rrbconfig', '-e', 'puts RbConfig.ruby, RUBY_VERSION, RbConfig::CONFIG["prefix"]'],
  },
  {
    pattern: /^perl/,
    args: ['-MConfig', '-e', 'printf "%s\\n%vd\\n%s\\n", $^X, $^V, $Config{prefix}'],
  },
  { pattern: /^node/, args: ['-p', '[process.execPath, process.versions.node].join("\\n")'] },
];

function isSystemPath(path: string): boolean {
  return SYSTEM_PATHS.some((directory) => isInside(path, directory));
}

function isRunnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function listOnPath(name: string, path: string): string[] {
  if (name.includes('/')) return isRunnable(name) ? [name] : [];
  return path
    .split(':')
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => join(directory, name))
    .filter(isRunnable);
}

async function ask(
  path: string,
  args: readonly string[],
  search: InterpreterSearch,
): Promise<string[] | null> {
  const options = { env: search.env, cwd: '/', timeout: PROBE_TIMEOUT_MS };
  // A shim of a version that is not installed fails here; the next on PATH may work.
  const result = await promisify(execFile)(path, [...args], options).catch(() => null);
  return result === null ? null : result.stdout.split('\n').filter(Boolean);
}

/** A Node installation keeps its library next to bin; the npm package `node` is a directory of its own. */
function nodeDirectories(executable: string): string[] {
  const prefix = dirname(dirname(executable));
  const isInstallation = ['package.json', 'lib/node_modules', 'include/node'].some((entry) =>
    existsSync(join(prefix, entry)),
  );
  return basename(dirname(executable)) === 'bin' && isInstallation ? [prefix] : [];
}

/**
 * A path that is a link from outside its own installation (`~/.local/bin/python3`) is replaced by
 * what it points at, unless the directories around it matter, as in a virtual environment.
 */
function withMounts(
  name: string,
  executable: string,
  facts: { version: string; directories: string[] },
): Interpreter {
  const outside = [...new Set(facts.directories)].filter((directory) => !isSystemPath(directory));
  const isCovered = (path: string): boolean =>
    isSystemPath(path) || outside.some((directory) => isInside(path, directory));
  const path = isCovered(executable) ? executable : realpathSync(executable);
  // Only a program that stands alone is mounted as a file: its directory could be somebody's home.
  const needed = isCovered(path) ? outside : [...outside, path];
  const outermost = needed.filter(
    (one) => !needed.some((other) => other !== one && isInside(one, other)),
  );
  const mounts = outermost.map((one): Mount => ({ source: one, target: one, access: 'read' }));
  return { name, path, version: facts.version, mounts };
}

async function inspect(
  name: string,
  path: string,
  search: InterpreterSearch,
): Promise<Interpreter | null> {
  const probe = PROBES.find(({ pattern }) => pattern.test(basename(name)));
  if (probe === undefined) {
    const [firstLine = ''] = (await ask(path, ['--version'], search)) ?? [];
    const version = /\d+(\.\d+)+/.exec(firstLine)?.[0] ?? '';
    return withMounts(name, isSystemPath(path) ? path : realpathSync(path), {
      version,
      directories: [],
    });
  }
  const [executable, version = '', ...directories] = (await ask(path, probe.args, search)) ?? [];
  if (executable === undefined || !isRunnable(executable)) return null;
  const own = probe.pattern.test('node') ? nodeDirectories(executable) : [];
  return withMounts(name, executable, { version, directories: [...directories, ...own] });
}

/** Version managers keep their versions side by side: beside 3.11.7 there may be a 3.12.1. */
function listSiblings(name: string, known: Interpreter): string[] {
  const prefix = known.mounts[0]?.source;
  if (prefix === undefined) return [];
  const parent = dirname(prefix);
  return readdirSync(parent)
    .map((entry) => join(parent, entry, 'bin', name))
    .filter(isRunnable)
    .toSorted()
    .toReversed();
}

/** The worker's own Node is the one known to strip types; another is only used when asked for by version. */
function listCandidates(name: string, search: InterpreterSearch): string[] {
  const onPath = listOnPath(name, search.env['PATH'] ?? '');
  if (name === 'node') return [process.execPath, ...onPath];
  return /^node\d+$/.test(name)
    ? [process.execPath, ...listOnPath('node', search.env['PATH'] ?? '')]
    : onPath;
}

function isWanted(name: string, found: Interpreter): boolean {
  const major = /^node(\d+)$/.exec(name)?.[1];
  return major === undefined || found.version.split('.')[0] === major;
}

/** One interpreter by the word scripts ask for it. null: not on this machine. */
export async function findInterpreter(
  name: string,
  search: InterpreterSearch,
): Promise<Interpreter | null> {
  for (const path of listCandidates(name, search)) {
    const found = await inspect(name, path, search);
    if (found !== null && isWanted(name, found)) return found;
  }
  if (!/^python\d+\.\d+/.test(name)) return null;
  const python = await findInterpreter('python3', search);
  for (const path of python === null ? [] : listSiblings(name, python)) {
    const found = await inspect(name, path, search);
    if (found !== null) return found;
  }
  return null;
}

/** The usual ones, once per worker. */
export async function findInterpreters(search: InterpreterSearch): Promise<Interpreter[]> {
  const found = await Promise.all(DEFAULT_NAMES.map((name) => findInterpreter(name, search)));
  return found.filter((interpreter) => interpreter !== null);
}
