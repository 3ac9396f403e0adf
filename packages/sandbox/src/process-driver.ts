import { describeLimits } from './describe-isolation.ts';
import type { RunningSandbox, SandboxDriver, SandboxSpec } from './driver.ts';
import { launch } from './launch.ts';
import { finalCommand, joinCgroups, setProcessLimit, setResourceLimits } from './launch-script.ts';
import { createMark, type ProcessMark } from './process-mark.ts';
import type { SandboxHost } from './sandbox-host.ts';

const OPEN_GAPS = [
  'Scripts run as the worker\'s own user and see its files and its network; mounts are not made.',
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
  const marksProcesses = process.platform === 'linux' && host.cgroups === null;
  let starts = 0;

  const prelude = (spec: SandboxSpec, joinFiles: readonly string[], mark: ProcessMark | undefined): string =>
    [
      joinCgroups(joinFiles),
      setResourceLimits(spec.limits),
      mark === undefined ? '' : `ulimit -m ${mark.kilobytes}\n`,
      joinFiles.length === 0 ? setProcessLimit(spec.limits.processes) : '',
      'exec "$@"',
    ].join('');

  function start(spec: SandboxSpec): Promise<RunningSandbox> {
    const mark = marksProcesses ? createMark((starts += 1)) : undefined;
    return launch(host, spec, {
      tree: 'group',
      ...(mark === undefined ? {} : { mark }),
      argv: (joinFiles) => [
        ...[sh, '-c', prelude(spec, joinFiles, mark), 'sh'],
        ...dieWithWorker(host),
        ...finalCommand(sh, spec.cwd, spec.command),
      ],
    });
  }

  const { limits, gaps } = describeLimits(host);
  return {
    name: 'process',
    description: { isolates: false, limits, gaps: [...OPEN_GAPS, ...gaps] },
    start,
    close: () => Promise.resolve(),
  };
}
