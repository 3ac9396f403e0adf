import type { SandboxLimits, SandboxSpec } from './driver.ts';
import { shellQuote } from './shell-quote.ts';

/** File descriptors the worker hands to a launcher. 2 tells the worker what went wrong until the script starts. */
export const STDERR_FD = 3;
const COMMAND_FD = 4;
/** A mount list or a seccomp filter, as the driver needs. */
export const EXTRA_FD = 5;

export const READY_LINE = 'ready';

/** Launchers never see the script's variables: LD_PRELOAD would run its code as root outside the sandbox. */
export const LAUNCHER_ENVIRONMENT = { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' } as const;

/** Folders that are made for mounts are for the script to walk through, whatever umask the worker has. */
export const MOUNT_POINT_UMASK = 'umask 022\n';

/** `0` means the writer itself, which also holds inside a pid namespace. */
export function joinCgroups(joinFiles: readonly string[]): string {
  return joinFiles.map((file) => `echo 0 >${shellQuote(file)} || exit 125\n`).join('');
}

/**
 * A limit above the machine's own hard limit cannot be set and need not be. File sizes are in
 * blocks of 512 bytes by POSIX.
 */
export function setResourceLimits(limits: SandboxLimits): string {
  const blocks = Math.ceil(limits.diskBytes / 512);
  return [
    'ulimit -c 0',
    `ulimit -f ${blocks} 2>/dev/null`,
    `ulimit -n ${limits.openFiles} 2>/dev/null`,
    '',
  ].join('\n');
}

/** Shells and launchers beside the script that count against its process limit. */
export const LAUNCHER_PROCESSES = 4;

/** For machines without a pids cgroup. dash and busybox call it -p, bash calls it -u. */
export function setProcessLimit(processes: number): string {
  const most = processes + LAUNCHER_PROCESSES;
  return `(ulimit -p ${most}) 2>/dev/null && ulimit -p ${most} || ulimit -u ${most} 2>/dev/null\n`;
}

/** MAX_ARG_STRLEN of Linux (execve(2)) for pages of 4 KiB, the NUL at the end included. */
const MAX_WORD_BYTES = 128 * 1024;

/** What one exec of Linux takes by default for arguments and variables is 2 MiB; far below it nobody needs to ask. */
const CERTAIN_BYTES = 1 << 20;

const TOO_LONG =
  'its arguments and variables are longer than this machine can pass on to a program';

/** Asks the kernel itself, by a program that ignores its arguments. */
const CHECK_LENGTH = `command -p env true "$@" 2>/dev/null || { echo ${shellQuote(TOO_LONG)} >&2; exit 126; }\n`;

function isLong({ command, env }: Pick<SandboxSpec, 'command' | 'env'>): boolean {
  const sizes = [...command, ...Object.entries(env).flat()].map((text) => Buffer.byteLength(text));
  // A variable is one word with its name; the margin is wider than any.
  return (
    sizes.some((bytes) => bytes >= MAX_WORD_BYTES / 2) ||
    sizes.reduce((total, bytes) => total + bytes, 0) >= CERTAIN_BYTES
  );
}

/**
 * Variables and arguments for the final shell to read. They go through a file because an argument list can
 * be read by every user of the machine, and because launchers take shorter ones than programs do.
 */
export function commandFile(spec: Pick<SandboxSpec, 'command' | 'env'>): string {
  const variables = Object.entries(spec.env).map(
    ([name, value]) => `export ${name}=${shellQuote(value)}\n`,
  );
  // Shells export where they stand, and launchers had a PATH; only what was asked for is passed on.
  const own = ['PWD', 'OLDPWD', 'SHLVL', ...Object.keys(LAUNCHER_ENVIRONMENT)];
  return [
    `unset ${own.join(' ')}\n`,
    ...variables,
    `set -- ${spec.command.map(shellQuote).join(' ')}\n`,
    isLong(spec) ? CHECK_LENGTH : '',
  ].join('');
}

/**
 * The last step, already inside and without privileges: `$1` is the working directory, the command comes
 * from the file. What fails before `ready` is the reason of `not_started`. The umask is everybody's
 * usual one, so that modes of results do not depend on how a worker was started.
 */
const FINAL_SCRIPT = `
cd -- "$1" 2>/dev/null || { echo "the working directory $1 does not exist or may not be entered" >&2; exit 126; }
umask 022
. /dev/fd/${COMMAND_FD} || exit 126
command -v -- "$1" >/dev/null 2>&1 || { echo "the command $1 was not found or may not be run" >&2; exit 127; }
echo ${READY_LINE} >&2
exec 2>&${STDERR_FD} ${STDERR_FD}>&- ${COMMAND_FD}<&- ${EXTRA_FD}<&-
if [ -n "$BASH_VERSION" ]; then exec env -u _ "$@"; fi
exec "$@"
`;

/** The same in a shell that is already there and without privileges, which saves starting two programs. */
export function finalSubshell(): string {
  return `(${FINAL_SCRIPT})\n`;
}

/** Takes the working directory as a further argument. */
export function finalCommand(sh: string): string[] {
  return [sh, '-c', FINAL_SCRIPT, 'sh'];
}
