import { spawnSync } from 'node:child_process';

// In every passwd file. PostgreSQL looks its own user up by number and refuses to be root.
const NOBODY = '65534';

/** How to start a program that refuses to run as root. Throws a sentence where there is no way. */
export function unprivilegedCommand(
  program: string,
  args: readonly string[],
): { program: string; args: string[] } {
  if (process.getuid?.() !== 0) return { program, args: [...args] };
  const mapping = ['--user', `--map-user=${NOBODY}`, `--map-group=${NOBODY}`];
  if (!canMapUser(mapping)) {
    throw new Error(
      'PostgreSQL does not run as root, and user namespaces are closed here: start as an ordinary user, or set DATABASE_URL to a server of your own',
    );
  }
  // A user namespace in which root is called nobody: PostgreSQL is content, and files under a home
  // that only root can enter stay reachable, which a real other user could not promise.
  return { program: 'unshare', args: [...mapping, '--', program, ...args] };
}

let mappingWorks: boolean | undefined;

function canMapUser(mapping: readonly string[]): boolean {
  mappingWorks ??= spawnSync('unshare', [...mapping, 'true'], { stdio: 'ignore' }).status === 0;
  return mappingWorks;
}
