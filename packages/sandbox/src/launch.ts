import type { Cgroup } from './cgroup.ts';
import type { RunningSandbox, SandboxSpec } from './driver.ts';
import { commandFile } from './launch-script.ts';
import type { ProcessMark } from './process-mark.ts';
import { notStartedBecause } from './not-started.ts';
import {
  emptyTree,
  groupTree,
  namespaceTree,
  type ProcessTree,
  type TreeContext,
} from './process-tree.ts';
import type { SandboxHost } from './sandbox-host.ts';
import { openStdio, type SandboxStdio } from './sandbox-stdio.ts';
import { closeQuietly } from './scratch-directory.ts';
import {
  spawnLauncher,
  startInShell,
  type Launcher,
  type LauncherStart,
} from './start-launcher.ts';
import { supervise } from './supervise.ts';

export interface LaunchPlan {
  /** Shell lines before the launcher; `joinFiles` as in Cgroup. */
  prelude?: (joinFiles: readonly string[]) => string;
  /** The launcher's argv. */
  argv(joinFiles: readonly string[]): readonly string[];
  /** Opens what becomes EXTRA_FD; what it throws is the reason of `not_started`. */
  openExtra?: () => number;
  tree: 'namespace' | 'group';
  mark?: ProcessMark;
  /** Called once when everything is over, also after a failed start. */
  readonly release?: () => void;
}

/** What one launch holds until the launcher runs; all of it is given back when that fails. */
interface Prepared {
  stdio: SandboxStdio;
  cgroup: Cgroup | null;
  commandFd: number;
  extraFd: number | null;
}

interface Launch {
  host: SandboxHost;
  spec: SandboxSpec;
  plan: LaunchPlan;
}

async function prepare({ host, spec, plan }: Launch, undo: DisposableStack): Promise<Prepared> {
  const stdio = await openStdio(host.fifos, spec.stdin);
  undo.defer(() => stdio.abandon());
  const cgroup = host.cgroups?.create(spec.id, spec.limits) ?? null;
  undo.defer(() => void cgroup?.remove());
  const commandFd = host.scratch.openHidden(commandFile(spec));
  undo.defer(() => closeQuietly(commandFd));
  const extraFd = plan.openExtra?.() ?? null;
  undo.defer(() => extraFd === null || closeQuietly(extraFd));
  return { stdio, cgroup, commandFd, extraFd };
}

function treeOf(
  { host, plan }: Launch,
  pid: number | undefined,
  cgroup: Cgroup | null,
): ProcessTree {
  if (pid === undefined) return emptyTree;
  const context: TreeContext = {
    launcherPid: pid,
    cgroup,
    processes: host.processes,
    ...(plan.mark === undefined ? {} : { mark: plan.mark }),
  };
  return plan.tree === 'namespace' ? namespaceTree(context) : groupTree(context);
}

/** A launcher whose tree is not a namespace leads a group of its own, which only spawn can make. */
function startLauncher({ host, plan }: Launch, start: LauncherStart): Promise<Launcher> {
  const { shells, fifos } = host;
  return plan.tree === 'namespace' && shells !== null && fifos !== null
    ? startInShell({ shells, fifos }, start)
    : Promise.resolve(spawnLauncher(host, start));
}

async function run(launched: Launch, prepared: Prepared): Promise<RunningSandbox> {
  const { spec, plan } = launched;
  const { cgroup, commandFd, extraFd } = prepared;
  const joinFiles = cgroup?.joinFiles ?? [];
  const start = {
    ...prepared,
    prelude: plan.prelude?.(joinFiles) ?? '',
    argv: plan.argv(joinFiles),
  };
  const startedAtMs = Date.now();
  const { pid, ...launcher } = await startLauncher(launched, start);
  closeQuietly(commandFd);
  if (extraFd !== null) closeQuietly(extraFd);
  return supervise({
    spec,
    startedAtMs,
    tree: treeOf(launched, pid, cgroup),
    ...launcher,
    usage: cgroup === null ? null : () => Promise.resolve(cgroup.readUsage()),
    async release() {
      await cgroup?.remove();
      plan.release?.();
    },
  });
}

/** Starts one execution; whatever goes wrong is told by its `exited`. */
export async function launch(
  host: SandboxHost,
  spec: SandboxSpec,
  plan: LaunchPlan,
): Promise<RunningSandbox> {
  const undo = new DisposableStack();
  undo.defer(() => plan.release?.());
  try {
    const launched = { host, spec, plan };
    const running = await run(launched, await prepare(launched, undo));
    undo.move();
    return running;
  } catch (error) {
    undo.dispose();
    return notStartedBecause(error);
  }
}
