import { posix } from 'node:path';

import type { BatchSpec, FileEntry, Manifest, ManifestEntry } from '@nexus/grid/contract';

/**
 * Where files are inside the sandbox: at the same absolute paths as on the client, so that arguments,
 * messages and tracebacks read the same. Only what would hide the sandbox's own system folders is
 * moved, under MOVED.
 */
export interface Layout {
  /** The project folder inside. */
  root: string;
  cwd: string;
  /** The script as the interpreter is given it. */
  script: string;
  args: string[];
  /** Entries with absolute paths inside. */
  entries: ManifestEntry[];
  /** Top folders that must be writable mounts: `/home`, `/data`. */
  topFolders: string[];
}

const MOVED = '/rgrid';
const SYSTEM_FOLDERS = new Set([
  'bin',
  'boot',
  'dev',
  'etc',
  'lib',
  'lib32',
  'lib64',
  'libx32',
  'proc',
  'run',
  'sbin',
  'sys',
  'usr',
  'nix',
]);

export interface LayoutRequest {
  spec: Pick<BatchSpec, 'root' | 'script' | 'workingDirectory'>;
  project: Manifest;
  input: FileEntry | null;
  args: readonly string[];
}

export function planLayout({ spec, project, input, args }: LayoutRequest): Layout {
  const root = relocate(spec.root);
  const place = (path: string) => (path.startsWith('/') ? relocate(path) : posix.join(root, path));
  const all = input
    ? [...project.entries.filter((entry) => entry.path !== input.path), input]
    : project.entries;
  const entries = all.map((entry) => ({ ...entry, path: place(entry.path) }));
  const moved = movedPaths({ spec, project, input });
  const cwd = posix.join(root, spec.workingDirectory);
  return {
    root,
    cwd,
    script: spec.script.startsWith('/')
      ? relocate(spec.script)
      : asOperand(posix.relative(cwd, posix.join(root, spec.script))),
    args: args.map((arg) => relocateArgument(arg, moved)),
    entries,
    topFolders: [...new Set([root, ...entries.map((entry) => entry.path)].map(topFolder))],
  };
}

/** `-x.py` would be an option of the interpreter. */
function asOperand(path: string): string {
  return path.startsWith('-') ? `./${path}` : path;
}

/** `/usr/share/dict/words` → `/rgrid/usr/share/dict/words`; what hides nothing stays where it is. */
function relocate(path: string): string {
  const isInTheWay = path === '/' || SYSTEM_FOLDERS.has(topFolder(path).slice(1));
  return isInTheWay ? posix.join(MOVED, path) : path;
}

/** A path that the script sees under another name than the person typed. */
export interface Relocation {
  path: string;
  inside: string;
}

/** The arguments that are other paths inside, each once. */
export function findRelocations({ args, ...files }: LayoutRequest): Relocation[] {
  const moved = movedPaths(files);
  const paths = new Set(args.map((arg) => arg.slice(pathStart(arg))));
  return [...paths].flatMap((path) => {
    const inside = movedPath(path, moved);
    return inside === undefined ? [] : [{ path, inside }];
  });
}

type Moved = ReadonlyMap<string, string>;

/** Files, and the folders they came in; not a top folder such as `/etc`, which the sandbox has itself. */
function movedPaths({ spec, project, input }: Omit<LayoutRequest, 'args'>): Moved {
  const files = [...project.entries.map((entry) => entry.path), input?.path ?? ''];
  const outside = files.filter((path) => path.startsWith('/') && relocate(path) !== path);
  const paths = new Set(relocate(spec.root) === spec.root ? [] : [spec.root]);
  for (const file of outside) {
    for (let path = file; path.lastIndexOf('/') > 0 && !paths.has(path);) {
      paths.add(path);
      path = posix.dirname(path);
    }
  }
  return new Map([...paths].map((path) => [path, relocate(path)]));
}

// Only arguments that are such a path from end to end, alone or behind `--option=`: a path inside
// other text may be anything.
function relocateArgument(arg: string, moved: Moved): string {
  const start = pathStart(arg);
  const inside = movedPath(arg.slice(start), moved);
  return inside === undefined ? arg : arg.slice(0, start) + inside;
}

function movedPath(text: string, moved: Moved): string | undefined {
  if (!text.startsWith('/')) return undefined;
  const path = posix.normalize(text);
  const folder = path.replace(/(.)\/$/, '$1');
  const inside = moved.get(folder);
  return inside === undefined ? undefined : inside + path.slice(folder.length);
}

function pathStart(arg: string): number {
  return arg.startsWith('-') ? arg.indexOf('=') + 1 : 0;
}

function topFolder(path: string): string {
  return `/${path.split('/', 2)[1] ?? ''}`;
}
