import { spawn, type StdioOptions } from 'node:child_process';
import type { Cgroup } from './cgroup.ts';
import type { RunningSandbox, SandboxSpec } from './driver.ts';
import {
  environmentScript,
  findBadVariable,
  LAUNCHER_ENVIRONMENT,
} from './launch-script.ts';
import type { ProcessMark } from './process-mark.ts';
import { notStarted } from './not-started.ts';
import { groupTree, namespaceTree, type ProcessTree, type TreeContext } from './process-tree.ts';
import { waitForLauncher } from './launcher-exit.ts';
import type { SandboxHost } from './sandbox-host.ts';
import { openStdio, type SandboxStdio } from './sandbox-stdio.ts';
import { closeQuietly } from './scratch-directory.ts';
import { supervise } from './supervise.ts';

export interface LaunchPlan {
  /** The launcher's argv; `joinFiles` as in Cgroup. */
  argv(joinFiles: readonly string[]): readonly string[];
  /** Content of EXTRA_FD. */
  extra?: string | Buffer;
  tree: 'namespace' | 'group';
  mark?: ProcessMark;
  /** Called once when everything is over, also after a failed start. */
  release?(): void;
}

function describeError(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface Prepared {
  stdio: SandboxStdio;
  cgroup: Cgroup | null;
  environmentFd: number;
  extraFd: number | 'ignore';
}

async function prepare(host: SandboxHost, spec: SandboxSpec, plan: LaunchPlan): Promise<Prepared> {
  const stdio = await openStdio(host.fifos, spec.stdin);
  try {
    return {
      stdio,
      environmentFd: host.scratch.openHidden(environmentScript(spec.env)),
      extraFd: plan.extra === undefined ? 'ignore' : host.scratch.openHidden(plan.extra),
      cgroup: host.cgroups?.create(spec.id, spec.limits) ?? null,
    };
  } catch (error) {
    stdio.abandon();
    throw error;
  }
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

function treeOf(plan: LaunchPlan, context: TreeContext): ProcessTree {
  if (plan.tree === 'namespace') return namespaceTree(context);
  return groupTree(plan.mark === undefined ? context : { ...context, mark: plan.mark });
}

interface Launch {
  host: SandboxHost;
  spec: SandboxSpec;
  plan: LaunchPlan;
}

function run({ host, spec, plan }: Launch, prepared: Prepared): RunningSandbox {
  const { stdio, cgroup, environmentFd, extraFd } = prepared;
  const [file = '', ...args] = plan.argv(cgroup?.joinFiles ?? []);
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
    tree: treeOf(plan, { launcherPid: child.pid ?? 0, cgroup, processes: host.processes }),
    ...stdio.connect(child),
    exited: waitForLauncher(child),
    usage: cgroup === null ? null : () => Promise.resolve(cgroup.readUsage()),
    async release() {
      await cgroup?.remove();
      plan.release?.();
    },
  });
}

/** Starts one execution; whatever goes wrong is told by its `exited`. */
export async function launch(host: SandboxHost, spec: SandboxSpec, plan: LaunchPlan): Promise<RunningSandbox> {
  const bad = findBadVariable(spec.env);
  try {
    if (bad !== null) throw new Error(bad);
    return run({ host, spec, plan }, await prepare(host, spec, plan));
  } catch (error) {
    plan.release?.();
    return notStarted(describeError(error));
  }
}
