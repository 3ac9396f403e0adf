import type { HostTools } from './host-tools.ts';
import { isRoot, sandboxOwner } from './sandbox-owner.ts';

/**
 * The exec just before the script's shell. As root it becomes the sandbox's uid; the mounts are
 * made by then, so the interpreter may lie below a directory only root can enter.
 */
export function dropPrivileges(tools: HostTools): string[] {
  if (tools.setpriv === undefined) return [];
  const owner = sandboxOwner();
  const ids =
    owner === null ? [] : [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'];
  // Only who has the capabilities can give up the right to regain them; others have none to gain.
  const bounding = isRoot() ? ['--bounding-set=-all'] : [];
  return [
    tools.setpriv,
    ...ids,
    '--no-new-privs',
    '--inh-caps=-all',
    '--ambient-caps=-all',
    ...bounding,
    '--',
  ];
}
