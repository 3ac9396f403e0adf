import { realpathSync } from 'node:fs';
import { dropPrivileges } from './drop-privileges.ts';
import type { RunningSandbox, SandboxDescription, SandboxDriver, SandboxSpec } from './driver.ts';
import { bindLines, fstabLine, type BindMount } from './fstab.ts';
import { requireTools, type HostTools } from './host-tools.ts';
import { launch } from './launch.ts';
import { notStarted } from './not-started.ts';
import {
  EXTRA_FD,
  finalCommand,
  joinCgroups,
  setProcessLimit,
  setResourceLimits,
} from './launch-script.ts';
import { readMountTable } from './mount-table.ts';
import { SANDBOX_HOSTNAME } from './etc-snapshot.ts';
import type { SandboxHost } from './sandbox-host.ts';
import { isRoot, scriptIds } from './sandbox-owner.ts';
import type { SandboxView, ViewBuilder } from './sandbox-view.ts';
import { tmpBytes } from './tmp-size.ts';
import { shellQuote } from './shell-quote.ts';
import { describeIsolation } from './describe-isolation.ts';

const REQUIRED = ['unshare', 'setpriv', 'mount', 'sh'] as const;
type NamespaceTools = HostTools & Readonly<Record<(typeof REQUIRED)[number], string>>;

function quoteAll(words: readonly string[]): string {
  return words.map(shellQuote).join(' ');
}

/** Everything the sandbox mounts, for one single `mount --all`: one process instead of twenty. */
function buildFstab(spec: SandboxSpec, view: SandboxView, system: ViewBuilder['system']): string {
  const table = readMountTable();
  const { root } = view;
  const bind = (mount: BindMount): string => bindLines({ ...mount, target: root + mount.target }, table);
  const ownTmp = !view.mounts.some((mount) => mount.target === '/tmp');
  const size = tmpBytes(spec);
  const tmpfs = (target: string): string =>
    fstabLine('tmpfs', root + target, { type: 'tmpfs', options: `nosuid,nodev,size=${size},mode=1777` });
  const systemBinds = [...system.binds, ...(spec.network ? system.networkBinds : [])];
  return [
    bindLines({ source: root, target: root, access: 'read' }, table),
    ...systemBinds.map(({ source, target }) => bind({ source, target, access: 'read' })),
    fstabLine('proc', `${root}/proc`, { type: 'proc', options: 'nosuid,nodev,noexec' }),
    ownTmp ? tmpfs('/tmp') : '',
    tmpfs('/dev/shm'),
    fstabLine('devpts', `${root}/dev/pts`, {
      type: 'devpts',
      options: 'newinstance,ptmxmode=0666,mode=620,nosuid,noexec',
    }),
    ...system.devices.map((name) =>
      bind({ source: `/dev/${name}`, target: `/dev/${name}`, access: 'write', isDevice: true }),
    ),
    ...view.mounts.map((mount) => bind({ ...mount, makesTarget: mount.placement === 'tmp' })),
  ].join('');
}

/** Done beside the mounts, as each costs a process. Without `ip` the loopback stays down. */
function prepareNetworkAndName(tools: HostTools, network: boolean): string {
  const steps: string[] = [];
  if (!network && tools.ip !== undefined) steps.push(`${shellQuote(tools.ip)} link set lo up`);
  // Only real root may write the file; in a user namespace the tool can still set the name.
  const fallback = tools.hostname === undefined ? '' : ` || ${shellQuote(tools.hostname)} ${SANDBOX_HOSTNAME}`;
  steps.push(`echo ${SANDBOX_HOSTNAME} >/proc/sys/kernel/hostname${fallback}`);
  return `{ ${steps.join('; ')}; } </dev/null >/dev/null 2>&1 &\n`;
}

/**
 * In a user namespace of its own, mount(8) insists on being root; a second one gives the script
 * the worker's uid back and has no rights on the first one's mounts. The cgroup namespace comes
 * after the cgroup was entered, or the kernel would not let us in (nsdelegate).
 */
function enterRoot(tools: NamespaceTools, root: string): string[] {
  const { uid, gid } = scriptIds();
  const user = isRoot() ? [] : ['--user', `--map-user=${uid}`, `--map-group=${gid}`];
  return [tools.unshare, '--cgroup', ...user, `--root=${root}`, '--'];
}

interface InitParts {
  tools: NamespaceTools;
  spec: SandboxSpec;
  root: string;
  joinFiles: readonly string[];
}

/** The script of process 1: it stays as the namespace's init, reaping what the script leaves behind. */
function initScript({ tools, spec, root, joinFiles }: InitParts): string {
  const command = [
    ...enterRoot(tools, root),
    ...dropPrivileges(tools),
    ...finalCommand('/bin/sh', spec.cwd, spec.command),
  ];
  return [
    joinCgroups(joinFiles),
    prepareNetworkAndName(tools, spec.network),
    `${shellQuote(tools.mount)} --all --fstab /dev/fd/${EXTRA_FD} </dev/null >&2 || exit 125\n`,
    'wait\n',
    setResourceLimits(spec.limits),
    joinFiles.length === 0 ? setProcessLimit(spec.limits.processes) : '',
    // The shell reports a signal's name on its own stderr, which is not the script's.
    `${quoteAll(command)}\nexit $?\n`,
  ].join('');
}

function unshareCommand(tools: NamespaceTools, network: boolean): string[] {
  return [
    // Dies with the worker, and takes process 1 and so the whole namespace with it.
    ...[tools.setpriv, '--pdeathsig', 'SIGKILL', '--'],
    ...[tools.unshare, '--pid', '--fork', '--kill-child=SIGKILL', '--mount', '--ipc', '--uts'],
    ...(network ? [] : ['--net']),
    ...(isRoot() ? [] : ['--user', '--map-root-user']),
    '--',
  ];
}

function describe(host: SandboxHost): SandboxDescription {
  const description = describeIsolation(host);
  if (host.tools.ip !== undefined) return description;
  const gap = 'Without network there is no loopback either: the tool ip is missing.';
  return { ...description, gaps: [...description.gaps, gap] };
}

export function createNamespacesDriver(host: SandboxHost): SandboxDriver {
  const tools = requireTools(host.tools, REQUIRED);

  async function start(spec: SandboxSpec): Promise<RunningSandbox> {
    const views = await host.views();
    const built = await views.build(spec);
    if (!built.ok) return notStarted(built.reason);
    if (spec.network) await host.metadata.block('scripts');
    const { view } = built;
    const root = realpathSync(view.root);
    return launch(host, spec, {
      tree: 'namespace',
      extra: buildFstab(spec, { ...view, root }, views.system),
      release: view.release,
      argv: (joinFiles) => [
        ...unshareCommand(tools, spec.network),
        ...[tools.sh, '-c', initScript({ tools, spec, root, joinFiles })],
      ],
    });
  }

  return { name: 'namespaces', description: describe(host), start, close: () => Promise.resolve() };
}
