import { dropPrivileges } from './drop-privileges.ts';
import type { SandboxSpec } from './driver.ts';
import { SANDBOX_HOSTNAME } from './etc-snapshot.ts';
import type { HostTools } from './host-tools.ts';
import {
  EXTRA_FD,
  finalCommand,
  joinCgroups,
  setResourceLimits,
  MOUNT_POINT_UMASK,
} from './launch-script.ts';
import { isRealRoot, isRoot, scriptIds } from './sandbox-owner.ts';
import { shellQuote } from './shell-quote.ts';

export const NAMESPACE_TOOLS = ['unshare', 'setpriv', 'mount', 'sh'] as const;

/** What does not differ between executions, found out once. */
export interface NamespaceSetup {
  tools: HostTools & Readonly<Record<(typeof NAMESPACE_TOOLS)[number], string>>;
  isRealRoot: boolean;
  /** Mount point for sysfs, see raiseLoopback. */
  sysfs: string;
  /** From the namespaces to the script's shell: the root directory goes in between. */
  enter: readonly string[];
  drop: readonly string[];
}

/**
 * In a user namespace of its own, mount(8) insists on being root; a second one gives the script
 * the worker's uid back and has no rights on the first one's mounts. The cgroup namespace comes
 * after the cgroup was entered, or the kernel would not let us in (nsdelegate).
 */
function enterNamespaces(unshare: string): string[] {
  const { uid, gid } = scriptIds();
  const user = isRoot() ? [] : ['--user', `--map-user=${uid}`, `--map-group=${gid}`];
  return [unshare, '--cgroup', ...user];
}

export function prepareNamespaces(tools: NamespaceSetup['tools'], sysfs: string): NamespaceSetup {
  return {
    tools,
    sysfs,
    isRealRoot: isRealRoot(),
    enter: enterNamespaces(tools.unshare),
    drop: dropPrivileges(tools),
  };
}

function quoteAll(words: readonly string[]): string {
  return words.map(shellQuote).join(' ');
}

/**
 * Real root raises the loopback by a write to sysfs, which has to be mounted inside the network
 * namespace, at a place the script never sees: 1 ms less than running `ip`. Others need `ip`, and
 * without it their loopback stays down; it runs beside the mounts.
 */
function raiseLoopback({ tools, isRealRoot: isReal, sysfs }: NamespaceSetup): {
  before: string;
  after: string;
} {
  if (isReal) return { before: '', after: `echo 9 >${shellQuote(sysfs)}/class/net/lo/flags\n` };
  if (tools.ip === undefined) return { before: '', after: '' };
  return {
    before: `${shellQuote(tools.ip)} link set lo up </dev/null >/dev/null 2>&1 &\n`,
    after: 'wait\n',
  };
}

/** Only real root may write the file; in a user namespace the tool can still set the name. */
function setHostname({ tools, isRealRoot: isReal }: NamespaceSetup): string {
  if (isReal) return `echo ${SANDBOX_HOSTNAME} >/proc/sys/kernel/hostname\n`;
  if (tools.hostname === undefined) return '';
  return `${shellQuote(tools.hostname)} ${SANDBOX_HOSTNAME} </dev/null >/dev/null 2>&1 &\n`;
}

export interface InitParts {
  spec: SandboxSpec;
  root: string;
  joinFiles: readonly string[];
  /** From limitProcesses. */
  limit: string;
}

/** The script of process 1: it stays as the namespace's init, reaping what the script leaves behind. */
export function initScript(
  setup: NamespaceSetup,
  { spec, root, joinFiles, limit }: InitParts,
): string {
  const loopback = spec.network ? { before: '', after: '' } : raiseLoopback(setup);
  const command = [
    ...[...setup.enter, `--root=${root}`, '--'],
    ...setup.drop,
    ...finalCommand('/bin/sh'),
    spec.cwd,
  ];
  return [
    MOUNT_POINT_UMASK,
    joinCgroups(joinFiles),
    loopback.before,
    setHostname(setup),
    `${shellQuote(setup.tools.mount)} --all --fstab /dev/fd/${EXTRA_FD} </dev/null >&2 || exit 125\n`,
    loopback.after,
    setResourceLimits(spec.limits),
    limit,
    // The shell reports a signal's name on its own stderr, which is not the script's.
    `${quoteAll(command)}\nexit $?\n`,
  ].join('');
}

export function unshareCommand({ tools }: NamespaceSetup, network: boolean): string[] {
  return [
    // Dies with the worker, and takes process 1 and so the whole namespace with it.
    ...[tools.setpriv, '--pdeathsig', 'SIGKILL', '--'],
    ...[tools.unshare, '--pid', '--fork', '--kill-child=SIGKILL', '--mount', '--ipc', '--uts'],
    ...(network ? [] : ['--net']),
    ...(isRoot() ? [] : ['--user', '--map-root-user']),
    '--',
  ];
}
