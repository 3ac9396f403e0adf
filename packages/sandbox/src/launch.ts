import { spawn, type StdioOptions } from 'node:child_process';
import type { Cgroup } from './cgroup.ts';
import type { RunningSandbox, SandboxSpec } from './driver.ts';
import { environmentScript, LAUNCHER_ENVIRONMENT } from './launch-script.ts';
import type { ProcessMark } from './process-mark.ts';
import { notStartedBecause } from './not-started.ts';
import {
  emptyTree,
  groupTree,
  namespaceTree,
  type ProcessTree,
  type TreeContext,
} from './process-tree.ts';
import { followLauncher } from './launcher-exit.ts';
import type { SandboxHost } from './sandbox-host.ts';
import { openStdio, type SandboxStdio } from './sandbox-stdio.ts';
import { closeQuietly } from './scratch-directory.ts';
import { supervise } from './supervise.ts';

export interface LaunchPlan {
  /** The launcher's argv; `joinFiles` as in Cgroup. */
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
  environmentFd: number;
  extraFd: number | 'ignore';
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
  const environmentFd = host.scratch.openHidden(environmentScript(spec.env));
  undo.defer(() => closeQuietly(environmentFd));
  const extraFd = plan.openExtra?.() ?? 'ignore';
  undo.defer(() => extraFd === 'ignore' || closeQuietly(extraFd));
  return { stdio, cgroup, environmentFd, extraFd };
}

/** spawn's stdio, with what the worker was started with covered up: 'ignore' above 2 covers nothing. */
function stdioOf({ stdio, environmentFd, extraFd }: Prepared, host: SandboxHost): StdioOptions {
  const handed: (number | 'pipe' | 'ignore')[] = [
    ...[stdio.stdin, stdio.stdout, 'pipe' as const, stdio.stderr],
    ...[environmentFd, extraFd],
  ];
  for (const fd of host.strayFds) handed[fd] ??= host.nullFd;
  return Array.from(handed, (entry) => entry ?? 'ignore');
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

function run(launched: Launch, prepared: Prepared): RunningSandbox {
  const { host, spec, plan } = launched;
  const { stdio, cgroup, environmentFd, extraFd } = prepared;
  const [file = '', ...args] = plan.argv(cgroup?.joinFiles ?? []);
  const startedAtMs = Date.now();
  const child = spawn(file, args, {
    cwd: '/',
    env: LAUNCHER_ENVIRONMENT,
    // A session of its own: no terminal to write to, and no Ctrl-C meant for the worker.
    detached: true,
    stdio: stdioOf(prepared, host),
  });
  closeQuietly(environmentFd);
  if (extraFd !== 'ignore') closeQuietly(extraFd);
  return supervise({
    spec,
    startedAtMs,
    tree: treeOf(launched, child.pid, cgroup),
    ...stdio.connect(child),
    ...followLauncher(child),
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
    const running = run(launched, await prepare(launched, undo));
    undo.move();
    return running;
  } catch (error) {
    undo.dispose();
    return notStartedBecause(error);
  }
}
