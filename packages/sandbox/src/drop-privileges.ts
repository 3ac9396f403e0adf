import type { HostTools } from './host-tools.ts';
import { sandboxOwner } from './sandbox-owner.ts';

/**
 * The exec just before the script's shell. As root it becomes the sandbox's uid; the mounts are
 * made by then, so the interpreter may lie below a directory only root can enter.
 */
export function dropPrivileges(tools: HostTools): string[] {
  const owner = sandboxOwner();
  if (tools.setpriv === undefined) return [];
  const common = ['--no-new-privs', '--inh-caps=-all', '--ambient-caps=-all'];
  if (owner === null) return [tools.setpriv, ...common, '--'];
  const ids = [`--reuid=${owner.uid}`, `--regid=${owner.gid}`, '--clear-groups'];
  return [tools.setpriv, ...ids, ...common, '--bounding-set=-all', '--'];
}
