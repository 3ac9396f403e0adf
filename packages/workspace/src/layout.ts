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
  const cwd = posix.join(root, spec.workingDirectory);
  return {
    root,
    cwd,
    script: spec.script.startsWith('/')
      ? relocate(spec.script)
      : asOperand(posix.relative(cwd, posix.join(root, spec.script))),
    args: relocateArguments(args, [
      spec.root,
      ...project.entries.map((entry) => entry.path),
      input?.path ?? '',
    ]),
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

// Only arguments that are such a path from end to end, alone or behind `--option=`: a path inside
// other text may be anything.
function relocateArguments(args: readonly string[], paths: readonly string[]): string[] {
  const moved = new Map(
    paths
      .filter((path) => path.startsWith('/') && relocate(path) !== path)
      .map((path) => [path, relocate(path)]),
  );
  if (moved.size === 0) return [...args];
  return args.map((arg) => {
    const at = arg.startsWith('-') ? arg.indexOf('=') + 1 : 0;
    const target = moved.get(arg.slice(at));
    return target === undefined ? arg : arg.slice(0, at) + target;
  });
}

function topFolder(path: string): string {
  return `/${path.split('/', 2)[1] ?? ''}`;
}
