import { spawn, type StdioOptions } from 'node:child_process';
import { Socket } from 'node:net';
import { followLauncher, readStatus, reportOf } from './launcher-exit.ts';
import { LAUNCHER_ENVIRONMENT } from './launch-script.ts';
import { pathOfFd, REPORT_FD, TELL_PID, type LauncherShells } from './launcher-shells.ts';
import type { FifoPool } from './fifo-pool.ts';
import type { SandboxHost } from './sandbox-host.ts';
import type { SandboxStdio } from './sandbox-stdio.ts';
import { closeQuietly } from './scratch-directory.ts';
import { shellQuote } from './shell-quote.ts';
import type { Launched } from './supervise.ts';

/** What a launcher is started with; the file descriptors stay the caller's. */
export interface LauncherStart {
  /** Shell lines before the launcher, ending with a newline, or nothing. */
  prelude: string;
  argv: readonly string[];
  stdio: SandboxStdio;
  commandFd: number;
  extraFd: number | null;
}

export interface Launcher extends Pick<Launched, 'stdout' | 'stderr' | 'exited' | 'report'> {
  /** undefined: it could not be started, which `report` explains. */
  pid: number | undefined;
}

/** spawn's stdio, with what the worker was started with covered up: 'ignore' above 2 covers nothing. */
function stdioOf({ stdio, commandFd, extraFd }: LauncherStart, host: SandboxHost): StdioOptions {
  const handed: (number | 'pipe' | 'ignore')[] = [
    ...[stdio.stdin, stdio.stdout, 'pipe' as const, stdio.stderr],
    ...[commandFd, extraFd ?? ('ignore' as const)],
  ];
  for (const fd of host.strayFds) handed[fd] ??= host.nullFd;
  return Array.from(handed, (entry) => entry ?? 'ignore');
}

/** As the worker's own child. */
export function spawnLauncher(host: SandboxHost, start: LauncherStart): Launcher {
  const sh = host.tools.sh ?? '/bin/sh';
  const shell = start.prelude === '' ? [] : [sh, '-c', `${start.prelude}exec "$@"`, 'sh'];
  const [file = '', ...args] = [...shell, ...start.argv];
  const child = spawn(file, args, {
    cwd: '/',
    env: LAUNCHER_ENVIRONMENT,
    // A session of its own: no terminal to write to, and no Ctrl-C meant for the worker.
    detached: true,
    stdio: stdioOf(start, host),
  });
  return { pid: child.pid, ...start.stdio.connect(child), ...followLauncher(child) };
}

function scriptOf(start: LauncherStart, statusFd: number): string {
  const { stdio, commandFd, extraFd } = start;
  const input = typeof stdio.stdin === 'number' ? pathOfFd(stdio.stdin) : '/dev/null';
  const outputs = [
    [1, stdio.stdout],
    [2, statusFd],
    [3, stdio.stderr],
  ] as const;
  const inputs = [
    [4, commandFd],
    [5, extraFd],
  ] as const;
  const redirections = [
    `exec ${REPORT_FD}>&1 0<${input}`,
    ...outputs.flatMap(([to, fd]) => (typeof fd === 'number' ? `${to}>${pathOfFd(fd)}` : [])),
    ...inputs.flatMap(([to, fd]) => (fd === null ? [] : `${to}<${pathOfFd(fd)}`)),
  ];
  const command = start.argv.map(shellQuote).join(' ');
  return `${redirections.join(' ')}\n${TELL_PID}${start.prelude}exec ${command}\n`;
}

/** As a child of one of the worker's shells, over named pipes only. */
export async function startInShell(
  { shells, fifos }: { shells: LauncherShells; fifos: FifoPool },
  start: LauncherStart,
): Promise<Launcher> {
  const status = await fifos.open('worker');
  const child = shells.run(scriptOf(start, status.scriptFd));
  const pid = await child.pid.catch(() => undefined);
  // What the script writes to is open there by now, or never will be.
  closeQuietly(status.scriptFd);
  const said = readStatus(new Socket({ fd: status.workerFd, readable: true, writable: false }));
  return {
    pid,
    ...start.stdio.connect(null),
    exited: child.exited,
    report: async () => reportOf(await said),
  };
}
