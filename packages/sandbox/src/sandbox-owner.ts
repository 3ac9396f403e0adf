import { readFileSync } from 'node:fs';

/** A fixed id no distribution hands out, so that nothing on the machine belongs to scripts by accident. */
export const SANDBOX_UID = 200_000;
export const SANDBOX_GID = 200_000;

/** A container run by an ordinary user has 65536 ids at most; the last but one is nobody's. */
const SMALL_UID = 65_533;

export interface Owner {
  uid: number;
  gid: number;
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

function readUidMap(): string {
  try {
    return readFileSync('/proc/self/uid_map', 'utf8');
  } catch {
    return '0 0 4294967295';
  }
}

/** Whether a uid means anything here: a user namespace may map few (user_namespaces(7)). */
export function isMapped(uid: number, uidMap: string): boolean {
  return uidMap
    .trim()
    .split('\n')
    .some((line) => {
      const [inside = 0, , count = 0] = line.trim().split(/\s+/).map(Number);
      return uid >= inside && uid < inside + count;
    });
}

/** Root of the machine, not of a user namespace such as a rootless container's. */
export function isRealRoot(): boolean {
  return isRoot() && /^\s*0\s+0\s+4294967295\s*$/.test(readUidMap());
}

/**
 * Whom the workspace and everything a script may write must belong to. null: to the worker
 * itself, whose uid scripts then run as (in a user namespace where there is one).
 */
export function sandboxOwner(): Owner | null {
  if (!isRoot()) return null;
  const map = readUidMap();
  if (isMapped(SANDBOX_UID, map)) return { uid: SANDBOX_UID, gid: SANDBOX_GID };
  return isMapped(SMALL_UID, map) ? { uid: SMALL_UID, gid: SMALL_UID } : null;
}

export function scriptIds(): Owner {
  return sandboxOwner() ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}
