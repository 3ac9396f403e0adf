import type { SandboxDescription } from './driver.ts';
import type { SandboxHost } from './sandbox-host.ts';

const WATCHED_GAPS = [
  'Memory is watched every 100 ms, as no cgroup can be made: a script can exceed its limit for that long.',
  'CPU is not limited, as no cgroup can be made.',
];

/** What holds for every driver that is limited by cgroups or, without them, by watching. */
export function describeLimits(host: SandboxHost): Pick<SandboxDescription, 'limits' | 'gaps'> {
  if (host.cgroups === null) return { limits: 'watched', gaps: WATCHED_GAPS };
  return { limits: `cgroup-${host.cgroups.version}`, gaps: [] };
}

export function describeIsolation(host: SandboxHost): SandboxDescription {
  const { limits, gaps } = describeLimits(host);
  const metadata =
    'With network, the metadata service stays reachable: blocking it needs root and the tool ip.';
  return { isolates: true, limits, gaps: host.metadata.canBlock ? gaps : [...gaps, metadata] };
}
