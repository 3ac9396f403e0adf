import { describeLimits } from './describe-isolation.ts';
import type { RunningSandbox, SandboxDriver, SandboxSpec } from './driver.ts';
import { launch } from './launch.ts';
import { finalCommand, joinCgroups, setProcessLimit, setResourceLimits } from './launch-script.ts';
import { setMark } from './process-mark.ts';
import { startChecked } from './start-checked.ts';
import type { SandboxHost } from './sandbox-host.ts';

const OPEN_GAPS = [
  "Scripts run as the worker's own user and see its files and its network; mounts are not made.",
];

/** On Linux the script dies with the worker; elsewhere only a sweep by the next worker could tell. */
function dieWithWorker(host: SandboxHost): string[] {
  const { setpriv } = host.tools;
  return setpriv === undefined ? [] : [setpriv, '--pdeathsig', 'SIGKILL', '--'];
}

/**
 * No isolation at all, for machines where nothing else works. `cwd` and `command` are real paths
 * here, `mounts` and `network` have no effect.
 */
export function createProcessDriver(host: SandboxHost): SandboxDriver {
  const sh = host.tools.sh ?? '/bin/sh';
  // Without a cgroup the process limit is the whole user's.
  const isLimitedByShell = host.cgroups === null;

  async function startPlain(spec: SandboxSpec): Promise<RunningSandbox> {
    const mark = host.nextMark();
    const limits = [
      setResourceLimits(spec.limits),
      setMark(mark),
      isLimitedByShell ? setProcessLimit(spec.limits.processes + (await host.ownThreads())) : '',
    ];
    return launch(host, spec, {
      tree: 'group',
      ...(mark === undefined ? {} : { mark }),
      prelude: (joinFiles) => `${joinCgroups(joinFiles)}${limits.join('')}`,
      argv: () => [...dieWithWorker(host), ...finalCommand(sh), spec.cwd],
    });
  }

  const { limits, gaps } = describeLimits(host);
  return {
    name: 'process',
    description: { isolates: false, limits, gaps: [...OPEN_GAPS, ...gaps] },
    start: (spec) => startChecked(spec, startPlain),
    close: () => Promise.resolve(),
  };
}
