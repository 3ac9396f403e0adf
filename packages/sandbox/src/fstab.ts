import { realpathSync } from 'node:fs';
import { findMountOf, listMountPointsBelow, type MountEntry } from './mount-table.ts';

export interface BindMount {
  source: string;
  target: string;
  access: 'read' | 'write';
  /** Devices must keep working, so they are the only binds without `nodev`. */
  isDevice?: boolean;
  /** The target is made by mount itself; only possible where its parent is writable by then. */
  makesTarget?: boolean;
}

/** fstab(5) separates fields by white space; libmount undoes these escapes. */
export function escapeFstabField(text: string): string {
  return text.replace(/[\s\\#]/g, (char) =>
    [...Buffer.from(char)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(''),
  );
}

export function fstabLine(
  source: string,
  target: string,
  mount: { type: string; options: string },
): string {
  return `${escapeFstabField(source)} ${escapeFstabField(target)} ${mount.type} ${mount.options} 0 0\n`;
}

/**
 * In a user namespace the kernel refuses (EPERM) a remount that clears a flag the source's mount
 * has, so flags found there are repeated; as real root repeating them is harmless.
 */
function bindOptions(mount: BindMount, entry: MountEntry | undefined): string {
  const flags = new Set(mount.isDevice ? [] : ['nosuid', 'nodev']);
  if (mount.access === 'read' || entry?.options.includes('ro')) flags.add('ro');
  for (const flag of ['nosuid', 'nodev', 'noexec']) {
    if (entry?.options.includes(flag)) flags.add(flag);
  }
  if (mount.isDevice) flags.delete('nodev');
  if (mount.makesTarget) flags.add('X-mount.mkdir');
  // Recursive: a user namespace may not take a tree apart (EINVAL on a plain bind of its top).
  return ['rbind', ...flags].join(',');
}

/**
 * Lines that bind one tree. A read-only remount touches the top mount only, so every mount below
 * the source is bound again over itself with the same restrictions.
 */
export function bindLines(mount: BindMount, table: readonly MountEntry[]): string {
  const real = realpathSync(mount.source);
  if (mount.isDevice) return fstabLine(real, mount.target, { type: 'none', options: 'bind' });
  const lines = [
    fstabLine(real, mount.target, {
      type: 'none',
      options: bindOptions(mount, findMountOf(table, real)),
    }),
  ];
  for (const point of listMountPointsBelow(table, real)) {
    const below = { ...mount, makesTarget: false };
    const options = bindOptions(below, findMountOf(table, point));
    lines.push(
      fstabLine(point, mount.target + point.slice(real.length), { type: 'none', options }),
    );
  }
  return lines.join('');
}
