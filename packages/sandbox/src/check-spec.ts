import type { SandboxSpec } from './driver.ts';

function findBadVariable(env: Readonly<Record<string, string>>): string | undefined {
  return Object.keys(env).find(
    // Shells pass on no other names, and the kernel no NUL.
    (name) => !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name) || env[name]?.includes('\0'),
  );
}

/** A sentence on what no driver could run, or null. */
export function findSpecFault(spec: SandboxSpec): string | null {
  if (!/^[a-z0-9-]+$/.test(spec.id)) return `${JSON.stringify(spec.id)} cannot name an execution`;
  if (spec.command.length === 0 || spec.command[0] === '') return 'there is no command to run';
  if (!spec.cwd.startsWith('/')) return `the working directory ${spec.cwd} is not an absolute path`;
  const words = [
    ...spec.command,
    spec.cwd,
    ...spec.mounts.flatMap((mount) => [mount.source, mount.target]),
  ];
  if (words.some((word) => word.includes('\0'))) return 'an argument or a path contains a NUL byte';
  const bad = findBadVariable(spec.env);
  if (bad === undefined) return null;
  return `the environment variable ${JSON.stringify(bad)} cannot be passed on`;
}
