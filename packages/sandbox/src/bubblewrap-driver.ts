import { openSync, writeFileSync } from 'node:fs';
import { describeIsolation } from './describe-isolation.ts';
import { dropPrivileges } from './drop-privileges.ts';
import type { Mount, RunningSandbox, SandboxDriver, SandboxSpec } from './driver.ts';
import { requireTools } from './host-tools.ts';
import { launch } from './launch.ts';
import { limitProcesses } from './limit-processes.ts';
import { setMark } from './process-mark.ts';
import { startChecked } from './start-checked.ts';
import { notStarted } from './not-started.ts';
import {
  EXTRA_FD,
  finalCommand,
  finalSubshell,
  joinCgroups,
  setResourceLimits,
  MOUNT_POINT_UMASK,
} from './launch-script.ts';
import { SANDBOX_HOSTNAME } from './etc-snapshot.ts';
import type { RootView } from './root-view.ts';
import type { SandboxHost } from './sandbox-host.ts';
import { isRoot } from './sandbox-owner.ts';
import type { SandboxView } from './sandbox-view.ts';
import { tmpBytes } from './tmp-size.ts';
import { noUserNamespacesFilter } from './seccomp-filter.ts';
import { shellQuote } from './shell-quote.ts';

function namespaceArguments(network: boolean): string[] {
  const arguments_ = ['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'];
  arguments_.push(
    '--die-with-parent',
    '--new-session',
    '--as-pid-1',
    '--hostname',
    SANDBOX_HOSTNAME,
  );
  if (!network) arguments_.push('--unshare-net');
  if (!isRoot()) return [...arguments_, '--unshare-user'];
  // What setpriv needs to become the sandbox's uid; gone with that step.
  return [
    ...arguments_,
    ...['CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP'].flatMap((cap) => ['--cap-add', cap]),
  ];
}

function mountArguments(spec: SandboxSpec, view: SandboxView, system: RootView): string[] {
  const size = String(tmpBytes(spec));
  const tmpfs = (target: string): string[] => [
    '--perms',
    '1777',
    '--size',
    size,
    '--tmpfs',
    target,
  ];
  const systemBinds = [...system.binds, ...(spec.network ? system.networkBinds : [])];
  const ownTmp = !view.mounts.some((mount) => mount.target === '/tmp');
  return [
    ...['--bind', view.root, '/'],
    ...systemBinds.flatMap(({ source, target }) => ['--ro-bind', source, target]),
    ...['--proc', '/proc', '--dev', '/dev'],
    ...tmpfs('/dev/shm'),
    ...['--remount-ro', '/dev'],
    ...(ownTmp ? [...tmpfs('/tmp'), ...foldersBelowTmp(view.mounts)] : []),
    ...view.mounts.flatMap(({ source, target, access }) => [
      access === 'read' ? '--ro-bind' : '--bind',
      source,
      target,
    ]),
    ...['--remount-ro', '/'],
  ];
}

/** bwrap would make the folders above a mount itself, for its own eyes only. */
function foldersBelowTmp(mounts: readonly Mount[]): string[] {
  const folders = new Set<string>();
  for (const { target } of mounts) {
    const parts = target.split('/').slice(1, -1);
    if (parts[0] !== 'tmp') continue;
    for (let depth = 2; depth <= parts.length; depth += 1)
      folders.add(`/${parts.slice(0, depth).join('/')}`);
  }
  return [...folders].flatMap((folder) => ['--perms', '0755', '--dir', folder]);
}

/**
 * What process 1 runs: a shell that waits for the script and reaps what it leaves behind. bwrap's
 * own init would do that too, but then bwrap ends before its namespace does and leaves init to
 * whoever adopts orphans, which in a container is nobody. An ordinary user has no privileges left
 * by then, as bwrap took them.
 */
function initCommand(drop: readonly string[], spec: SandboxSpec, limit: string): string[] {
  const script = isRoot()
    ? `${[...drop, ...finalCommand('/bin/sh')].map(shellQuote).join(' ')} "$@"\nexit $?\n`
    : `${finalSubshell()}exit $?\n`;
  return ['/bin/sh', '-c', limit + script, 'sh', spec.cwd];
}

/** bwrap reads the filter from a file; one for all executions. */
function writeFilter(host: SandboxHost): string | null {
  const filter = noUserNamespacesFilter(process.arch);
  if (filter === null) return null;
  const path = host.scratch.newPath('filter');
  writeFileSync(path, filter);
  return path;
}

export function createBubblewrapDriver(host: SandboxHost): SandboxDriver {
  const tools = requireTools(host.tools, ['bwrap', 'sh', 'setpriv']);
  const drop = dropPrivileges(tools);
  const filter = writeFilter(host);

  async function startInView(spec: SandboxSpec): Promise<RunningSandbox> {
    const views = await host.views();
    const built = await views.build(spec);
    if (!built.ok) return notStarted(built.reason);
    if (spec.network) await host.metadata.block('scripts');
    const { view } = built;
    const limit = await limitProcesses(host, spec);
    const mark = host.nextMark();
    const argv = (): string[] => [
      tools.bwrap,
      ...namespaceArguments(spec.network),
      ...mountArguments(spec, view, views.system),
      ...(filter === null ? [] : ['--seccomp', String(EXTRA_FD)]),
      ...['--', ...initCommand(drop, spec, limit)],
    ];
    return launch(host, spec, {
      tree: 'namespace',
      ...(mark === undefined ? {} : { mark }),
      prelude: (joinFiles) =>
        `${MOUNT_POINT_UMASK}${joinCgroups(joinFiles)}${setMark(mark)}${setResourceLimits(spec.limits)}`,
      argv,
      release: view.release,
      ...(filter === null ? {} : { openExtra: () => openSync(filter, 'r') }),
    });
  }

  return {
    name: 'bubblewrap',
    description: describeIsolation(host),
    start: (spec) => startChecked(spec, startInView),
    close: () => Promise.resolve(),
  };
}
