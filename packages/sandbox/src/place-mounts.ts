import { posix } from 'node:path';
import type { Mount } from './driver.ts';
import { isInside } from './mount-table.ts';

/** How the mount point comes to be. */
export type Placement =
  /** Made in the root directory before the start. */
  | 'root'
  /** On the sandbox's own /tmp: made while mounting. */
  | 'tmp'
  /** Inside another mount, where it already is. */
  | 'present';

export interface MountSource extends Mount {
  isFile: boolean;
}

export interface PlacedMount extends MountSource {
  placement: Placement;
}

export interface MountSurroundings {
  systemBinds: readonly { source: string; target: string }[];
  /** Whether a path of the host exists, links followed. */
  exists(path: string): boolean;
}

export type MountPlan = { ok: true; mounts: PlacedMount[] } | { ok: false; reason: string };

const RESERVED = ['/proc', '/dev', '/sys'];

function findFault(mount: Mount, seen: ReadonlySet<string>): string | null {
  const { target } = mount;
  if (
    !target.startsWith('/') ||
    posix.normalize(target) !== target ||
    target === '/' ||
    target.endsWith('/')
  ) {
    return `the mount target ${target} is not a plain absolute path`;
  }
  const reserved = RESERVED.find((path) => isInside(target, path));
  if (reserved !== undefined) return `nothing can be mounted in ${reserved} (target ${target})`;
  return seen.has(target) ? `two mounts have the target ${target}` : null;
}

/** The innermost mount that holds a target; later ones lie on top. */
function findHolder(target: string, placed: readonly MountSource[], around: MountSurroundings) {
  const holders = [...around.systemBinds, { target: '/tmp', source: null }, ...placed].filter(
    (holder) => isInside(target, holder.target) && target !== holder.target,
  );
  return holders.toSorted((a, b) => a.target.length - b.target.length).at(-1);
}

/**
 * Parents before children. A target inside another mount must exist there already: making it
 * would change what the mount's owner gave us, or fail on a read-only one.
 */
export function placeMounts(mounts: readonly MountSource[], around: MountSurroundings): MountPlan {
  const placed: PlacedMount[] = [];
  const seen = new Set<string>();
  for (const mount of mounts.toSorted((a, b) => a.target.length - b.target.length)) {
    const fault = findFault(mount, seen);
    if (fault !== null) return { ok: false, reason: fault };
    seen.add(mount.target);
    const isSystemPath = around.systemBinds.some((bind) => bind.target === mount.target);
    if (isSystemPath || mount.target === '/tmp') {
      placed.push({ ...mount, placement: 'present' });
      continue;
    }
    const holder = findHolder(mount.target, placed, around);
    if (holder === undefined) placed.push({ ...mount, placement: 'root' });
    else if (holder.source === null) {
      if (mount.isFile)
        return { ok: false, reason: `a file cannot be mounted in /tmp (target ${mount.target})` };
      placed.push({ ...mount, placement: 'tmp' });
    } else {
      const inSource = holder.source + mount.target.slice(holder.target.length);
      if (!around.exists(inSource)) {
        return {
          ok: false,
          reason: `the mount target ${mount.target} does not exist in ${holder.target}`,
        };
      }
      placed.push({ ...mount, placement: 'present' });
    }
  }
  return { ok: true, mounts: placed };
}
