import { formatBytes } from '@nexus/kit/bytes';

import { plural, quoted } from '../terminal/text.ts';
import type { ProjectFile } from './walk.ts';

export const ASK_ABOVE_BYTES = 200e6;

export interface LargeProject {
  /** For a person: how much there is and where most of it lies. */
  message: string;
}

/**
 * Judges how much would travel for the first time. `files` are those that no argument names and no
 * earlier run has sent: nobody chose them one by one, so a folder entered by mistake shows here.
 */
export function findLargeProject(files: readonly ProjectFile[]): LargeProject | undefined {
  const total = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  if (total <= ASK_ABOVE_BYTES) return undefined;
  const lines = largestEntries(files, 5).map(
    ([name, size]) => `  ${formatBytes(size).padStart(8)}  ${quoted(name)}`,
  );
  const head = `the project has ${formatBytes(total)} in ${plural(files.length, 'file')}. The largest entries:`;
  return { message: [head, ...lines].join('\n') };
}

/** The entries of the top folder by size; where one holds nearly all, its own entries. */
export function largestEntries(files: readonly ProjectFile[], count: number): [string, number][] {
  const total = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  let entries = sizesAt(files, 1);
  for (let depth = 2; depth < 6; depth += 1) {
    const first = entries[0];
    if (!first || first[1] < total * 0.9 || !first[0].endsWith('/')) break;
    entries = sizesAt(files, depth);
  }
  return entries.slice(0, count);
}

function sizesAt(files: readonly ProjectFile[], depth: number): [string, number][] {
  const sizes = new Map<string, number>();
  for (const { path, sizeBytes } of files) {
    const isAbsolute = path.startsWith('/');
    const parts = (isAbsolute ? path.slice(1) : path).split('/');
    const name =
      (isAbsolute ? '/' : '') + parts.slice(0, depth).join('/') + (parts.length > depth ? '/' : '');
    sizes.set(name, (sizes.get(name) ?? 0) + sizeBytes);
  }
  return [...sizes].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
}
