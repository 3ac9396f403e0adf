import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { HostTools } from './host-tools.ts';
import { LAUNCHER_ENVIRONMENT } from './launch-script.ts';
import { closeQuietly, type ScratchDirectory } from './scratch-directory.ts';

/** A program that a shell runs for the worker. */
export interface ShellChild {
  /** What the script told with TELL_PID; rejects when it ended without. */
  readonly pid: Promise<number>;
  /** Never rejects: a shell that is killed counts as its child's end by a signal. */
  readonly exited: Promise<number>;
}

/**
 * Shells of a megabyte that start programs for the worker, each one at a time. Node's own spawn
 * copies the page tables of a process a hundred times as large: 2 ms at 50 MB, 9 ms at 160 MB.
 * They die with the worker, and with them what they run, as far as it asked to die with its parent.
 */
export interface LauncherShells {
  /** Runs the text in a child of a free shell. It has neither the worker's streams nor its files. */
  run(script: string): ShellChild;
  close(): void;
}

/** Where a script finds the way to the worker's ear, once it has redirected 1. */
export const REPORT_FD = 9;

/** In a script: its process, and what it becomes by exec, is known to the worker from here on. */
export const TELL_PID = [
  // Where a shell is, it knows without starting a program: in its own folder of /proc.
  `cd -P /proc/self && echo "pid \${PWD##*/}" >&${REPORT_FD} && cd / || exit 125`,
  `exec ${REPORT_FD}>&-\n`,
].join('\n');

/** A path under which a shell opens anew what the worker has open. */
export function pathOfFd(fd: number): string {
  return `/proc/${process.pid}/fd/${fd}`;
}

/** In the foreground: programs in a shell's background have SIGINT ignored, for good. */
const LOOP = 'while read -r script; do (. "$script"); echo "ended $?"; done';

const KILLED_CODE = 137;

interface Shell {
  run(scriptPath: string): ShellChild;
  close(): void;
}

type Settled = Omit<PromiseWithResolvers<number>, 'promise'>;

interface Job {
  pid: Settled;
  exited: Settled;
}

function settle(job: Job, code: number): void {
  job.pid.reject(new Error(`the launcher ended with code ${code} before it was known`));
  job.exited.resolve(code);
}

function followShell(
  child: ChildProcess,
  { onFree, onDeath }: { onFree: () => void; onDeath: () => void },
): Shell {
  let job: Job | null = null;
  const end = (code: number): void => {
    const ended = job;
    job = null;
    if (ended !== null) settle(ended, code);
  };
  if (child.stdin === null || child.stdout === null) throw new Error('a shell without pipes');
  const { stdin, stdout } = child;
  // Its end is told by `close`; a write to a shell that has just died is one more sign of it.
  stdin.on('error', () => undefined);
  createInterface({ input: stdout }).on('line', (line) => {
    const [word, number = ''] = line.split(' ');
    if (word === 'pid') job?.pid.resolve(Number(number));
    if (word !== 'ended') return;
    end(Number(number));
    onFree();
  });
  const die = (): void => {
    onDeath();
    end(KILLED_CODE);
  };
  child.once('error', die);
  child.once('close', die);
  return {
    run(scriptPath) {
      const pid = Promise.withResolvers<number>();
      const exited = Promise.withResolvers<number>();
      // Whoever does not need the pid need not look at it.
      pid.promise.catch(() => undefined);
      job = { pid, exited };
      stdin.write(`${scriptPath}\n`);
      return { pid: pid.promise, exited: exited.promise };
    },
    close: () => stdin.end(),
  };
}

interface ShellOptions {
  tools: HostTools;
  scratch: ScratchDirectory;
  strayFds: readonly number[];
  nullFd: number;
}

function spawnShell(
  [file, ...args]: readonly [string, ...string[]],
  { strayFds, nullFd }: Pick<ShellOptions, 'strayFds' | 'nullFd'>,
): ChildProcess {
  const handed: (number | 'pipe' | 'ignore')[] = ['pipe', 'pipe', 'ignore'];
  for (const fd of strayFds) handed[fd] ??= nullFd;
  return spawn(file, args, {
    cwd: '/',
    env: LAUNCHER_ENVIRONMENT,
    // A session of its own: no terminal to write to, and no Ctrl-C meant for the worker.
    detached: true,
    stdio: Array.from(handed, (entry) => entry ?? 'ignore'),
  });
}

/** null where a shell could not open the worker's files, or would outlive it. */
export function createLauncherShells({ tools, ...options }: ShellOptions): LauncherShells | null {
  const { sh, setpriv } = tools;
  if (process.platform !== 'linux' || sh === undefined || setpriv === undefined) return null;
  const command = [setpriv, '--pdeathsig', 'SIGKILL', '--', sh, '-c', LOOP] as const;
  const free: Shell[] = [];
  let isClosed = false;

  function startShell(): Shell {
    const shell = followShell(spawnShell(command, options), {
      onFree: () => (isClosed ? shell.close() : free.push(shell)),
      onDeath() {
        const index = free.indexOf(shell);
        if (index !== -1) free.splice(index, 1);
      },
    });
    return shell;
  }

  return {
    run(script) {
      const fd = options.scratch.openHidden(script);
      const child = (free.pop() ?? startShell()).run(pathOfFd(fd));
      void child.exited.then(() => closeQuietly(fd));
      return child;
    },
    close() {
      isClosed = true;
      for (const shell of free.splice(0)) shell.close();
    },
  };
}
