import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

/**
 * A pid is reused, a pid with its start time is not. Where /proc does not exist the pid alone
 * has to do.
 */
function processIdentity(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22, counted after the command name, which may itself hold spaces and brackets.
    const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
    return `${pid}-${startTime}`;
  } catch {
    return null;
  }
}

export function ownIdentity(): string {
  return processIdentity(process.pid) ?? `${process.pid}-0`;
}

/** A name for something this process owns, different each time. */
export function ownName(): string {
  return `${ownIdentity()}-${randomBytes(3).toString('hex')}`;
}

/** Whether the process that named something after itself still lives; a suffix does not matter. */
export function isAlive(name: string): boolean {
  const identity = name.split('-').slice(0, 2).join('-');
  const pid = Number.parseInt(identity, 10);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  const current = processIdentity(pid);
  if (current !== null) return current === identity;
  if (process.platform === 'linux') return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM means that somebody is there; kill only throws system errors.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
