import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { spawnSync } from 'node:child_process';

/** The interpreter itself: a version manager's shim would cost 90 ms a start. */
export function findPython(): string {
  const found = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], {
    encoding: 'utf8',
  });
  const path = found.stdout.trim();
  if (path === '') throw new Error('there is no python3 here');
  return path;
}

export function hasBubblewrap(): boolean {
  return spawnSync('bwrap', ['--ro-bind', '/', '/', 'true'], { stdio: 'ignore' }).status === 0;
}

const MERGED = ['bin', 'sbin', 'lib', 'lib64'];

/**
 * Bubblewrap by hand, with the namespaces and mounts of our own sandbox: the system read-only, the
 * project folder to write to, a fresh /tmp, /proc and /dev, no network. What ours does besides (another
 * uid, no capabilities, seccomp, a cgroup with limits, files laid out and results collected) it does not.
 */
export function bubblewrapCommand(folder: string, command: readonly string[]): string[] {
  const interpreter = resolve(dirname(command[0] ?? ''), '..');
  return [
    ...[
      'bwrap',
      '--unshare-pid',
      '--unshare-ipc',
      '--unshare-uts',
      '--unshare-cgroup-try',
      '--unshare-net',
    ],
    ...['--die-with-parent', '--new-session', '--as-pid-1', '--hostname', 'rgrid'],
    ...['--ro-bind', '/usr', '/usr', '--ro-bind', '/etc', '/etc', ...MERGED.flatMap(systemFolder)],
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/dev/shm', '--tmpfs', '/tmp'],
    ...(interpreter.startsWith('/usr') ? [] : ['--ro-bind', interpreter, interpreter]),
    ...['--bind', folder, folder, '--chdir', folder, '--', ...command],
  ];
}

function systemFolder(name: string): string[] {
  const path = `/${name}`;
  if (!existsSync(path)) return [];
  return lstatSync(path).isSymbolicLink()
    ? ['--symlink', readlinkSync(path), path]
    : ['--ro-bind', path, path];
}
