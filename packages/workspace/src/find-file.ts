import { posix } from 'node:path';

import type { FileEntry, ManifestEntry } from '@nexus/grid/contract';

const MAX_LINKS = 40;

/**
 * The file behind a path, through links that stay among the entries. Found by name and not on disk: here,
 * outside of the sandbox, a link may lead to this machine's own files.
 */
export function findFile(entries: readonly ManifestEntry[], path: string): FileEntry | undefined {
  let wanted = path;
  for (let links = 0; links <= MAX_LINKS; links += 1) {
    const entry = entries.find((candidate) => candidate.path === wanted);
    if (entry?.type !== 'symlink') return entry?.type === 'file' ? entry : undefined;
    wanted = posix.resolve(posix.dirname(wanted), entry.target);
  }
  return undefined;
}
