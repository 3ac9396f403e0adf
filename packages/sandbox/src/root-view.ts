import { existsSync, lstatSync, readlinkSync, statSync } from 'node:fs';

export interface SystemBind {
  source: string;
  target: string;
  isFile: boolean;
}

/** What a script sees besides its own mounts: an allow-list, so a new secret on the host stays out. */
export interface RootView {
  binds: readonly SystemBind[];
  /** Only for executions with network. */
  networkBinds: readonly SystemBind[];
  /** Relative to the root: link name to its text. */
  symlinks: Readonly<Record<string, string>>;
  directories: readonly string[];
  devices: readonly string[];
}

const SYSTEM_DIRECTORIES = ['usr', 'bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

const SYMLINKS: Readonly<Record<string, string>> = {
  'dev/fd': '/proc/self/fd',
  'dev/stdin': '/proc/self/fd/0',
  'dev/stdout': '/proc/self/fd/1',
  'dev/stderr': '/proc/self/fd/2',
  'dev/ptmx': 'pts/ptmx',
  'var/tmp': '/tmp',
};

/** Looks at the host once; drivers keep the answer. `etc` is where the copy of /etc lies. */
export function readRootView(etc: string): RootView {
  const symlinks: Record<string, string> = { ...SYMLINKS };
  const binds: SystemBind[] = [{ source: etc, target: '/etc', isFile: false }];
  for (const name of SYSTEM_DIRECTORIES) {
    const path = `/${name}`;
    const stat = lstatSync(path, { throwIfNoEntry: false });
    if (stat?.isSymbolicLink()) symlinks[name] = readlinkSync(path);
    else if (stat?.isDirectory()) binds.push({ source: path, target: path, isFile: false });
  }
  return {
    binds,
    networkBinds: ['/etc/hosts', '/etc/resolv.conf']
      // The host's resolver file is often a link to a place that may be empty.
      .filter((path) => statSync(path, { throwIfNoEntry: false }) !== undefined)
      .map((path) => ({ source: path, target: path, isFile: true })),
    symlinks,
    directories: ['dev/pts', 'dev/shm', 'proc', 'run', 'tmp', 'var'],
    devices: DEVICES.filter((name) => existsSync(`/dev/${name}`)),
  };
}
