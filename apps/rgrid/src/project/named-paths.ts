import { lstatSync, statSync, type Stats } from 'node:fs';
import { tmpdir } from 'node:os';
import { resolve } from 'node:path';

import { isWithin, type ProjectFolder } from './project-folder.ts';

/** A file or folder that an argument names. */
export interface NamedPath {
  /** Absolute, as named: a symbolic link is not resolved. */
  absolute: string;
  isInside: boolean;
  kind: 'file' | 'directory' | 'broken';
  /** The argument as it was typed. */
  text: string;
}

// A sandbox has these of its own; laying files of this machine over them could only break it.
const SYSTEM_FOLDERS = ['/bin', '/dev', '/lib', '/lib64', '/proc', '/sbin', '/sys', '/usr'];

/** The paths that exist among the words: each whole word, and what follows `=` in `--option=path`. */
export function findNamedPaths(words: readonly string[], project: ProjectFolder): NamedPath[] {
  const found = new Map<string, NamedPath>();
  for (const text of words.flatMap(candidatesOf)) {
    const named = namedPath(text, project);
    if (named) found.set(named.absolute, named);
  }
  return [...found.values()];
}

export function candidatesOf(word: string): string[] {
  const value = /^--?[^=/]+=(.+)$/s.exec(word)?.[1];
  const words = value === undefined ? [word] : [word, value];
  return words.filter((text) => text !== '' && text.length < 4096 && !text.includes('\0'));
}

function namedPath(text: string, { cwd, root }: ProjectFolder): NamedPath | undefined {
  const absolute = resolve(cwd, text);
  const link = lstatOf(absolute);
  if (!link) return undefined;
  const stats = statOf(absolute);
  const isInside = isWithin(root, absolute);
  if (!stats) return { absolute, isInside, kind: 'broken', text };
  if (!stats.isFile() && !stats.isDirectory()) return undefined;
  if (!isInside && isNotForShipping(absolute, root)) return undefined;
  return { absolute, isInside, kind: stats.isFile() ? 'file' : 'directory', text };
}

// A path through a file or a folder without permission does not exist as far as an argument goes.
function lstatOf(path: string): Stats | undefined {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function statOf(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Folders that are named for other reasons than to be read whole: `/`, `..`, `/tmp`, `/usr/bin/tool`. */
function isNotForShipping(absolute: string, root: string): boolean {
  if (isWithin(absolute, root)) return true;
  if ([tmpdir(), '/tmp', '/var/tmp'].includes(absolute)) return true;
  return SYSTEM_FOLDERS.some((folder) => isWithin(folder, absolute));
}
