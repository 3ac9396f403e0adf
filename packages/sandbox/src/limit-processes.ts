import type { SandboxSpec } from './driver.ts';
import { setProcessLimit } from './launch-script.ts';
import { countForeignThreads } from './own-threads.ts';
import type { SandboxHost } from './sandbox-host.ts';

/** Shell lines for a sandbox with namespaces; none where the cgroup holds the limit. */
export async function limitProcesses(host: SandboxHost, spec: SandboxSpec): Promise<string> {
  if (host.cgroups !== null) return '';
  return setProcessLimit(spec.limits.processes + (await countForeignThreads(host.ownThreads)));
}
