import { readFileSync } from 'node:fs';

export interface MountEntry {
  mountPoint: string;
  root: string;
  fsType: string;
  options: readonly string[];
  superOptions: readonly string[];
}

function unescapeOctal(field: string): string {
  if (!field.includes('\\')) return field;
  // The kernel escapes bytes, and a path may be UTF-8: decode as bytes, then as text.
  const bytes = Buffer.from(field, 'utf8').toString('latin1');
  const decoded = bytes.replace(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(decoded, 'latin1').toString('utf8');
}

/** Parses /proc/self/mountinfo; the fields are described in proc(5). */
export function parseMountTable(text: string): MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    const [before, after] = line.split(' - ');
    if (before === undefined || after === undefined) continue;
    const [, , , root, mountPoint, options] = before.split(' ');
    const [fsType, , superOptions] = after.split(' ');
    if (root === undefined || mountPoint === undefined || fsType === undefined) continue;
    entries.push({
      mountPoint: unescapeOctal(mountPoint),
      root: unescapeOctal(root),
      fsType,
      options: (options ?? '').split(','),
      superOptions: (superOptions ?? '').split(','),
    });
  }
  return entries;
}

export function readMountTable(): MountEntry[] {
  return parseMountTable(readFileSync('/proc/self/mountinfo', 'utf8'));
}

export function isInside(path: string, directory: string): boolean {
  if (directory === '/' || path === directory) return true;
  return path.startsWith(`${directory}/`);
}

/** The mount a real path lies on: the longest mount point, and of equals the one mounted last. */
export function findMountOf(
  table: readonly MountEntry[],
  realPath: string,
): MountEntry | undefined {
  let best: MountEntry | undefined;
  for (const entry of table) {
    if (!isInside(realPath, entry.mountPoint)) continue;
    if (best === undefined || entry.mountPoint.length >= best.mountPoint.length) best = entry;
  }
  return best;
}

/** Mount points strictly below a path, parents first, each once. */
export function listMountPointsBelow(table: readonly MountEntry[], realPath: string): string[] {
  const below = table
    .map((entry) => entry.mountPoint)
    .filter((point) => point !== realPath && isInside(point, realPath));
  return [...new Set(below)].toSorted((a, b) => a.length - b.length);
}
