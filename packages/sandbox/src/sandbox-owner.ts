/** A fixed id no distribution hands out, so that nothing on the machine belongs to scripts by accident. */
export const SANDBOX_UID = 200_000;
export const SANDBOX_GID = 200_000;

/**
 * Whom the workspace and everything a script may write must belong to. null: to the worker
 * itself, whose uid scripts then run as (in a user namespace where there is one).
 */
export function sandboxOwner(): { uid: number; gid: number } | null {
  return isRoot() ? { uid: SANDBOX_UID, gid: SANDBOX_GID } : null;
}

export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

export function scriptIds(): { uid: number; gid: number } {
  return sandboxOwner() ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}
