import { lstatSync, mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { describeWriteError } from '../outputs/write-errors.ts';

/** Why nothing can be written into a folder that may still have to be made; undefined if all is well. */
export function findOutputObstacle(folder: string): string | undefined {
  try {
    const stats = statSync(folder, { throwIfNoEntry: false });
    if (stats?.isDirectory()) return tryToWrite(folder);
    if (stats) return 'it is a file';
    if (lstatSync(folder, { throwIfNoEntry: false })) return 'it is a symbolic link to nothing';
  } catch (error) {
    return describeWriteError(error);
  }
  return findOutputObstacle(dirname(folder))?.replace('it is a file', 'a file is in the way');
}

/** Asking for the permission would not tell of a full disk, or of a server with its own mind. */
function tryToWrite(folder: string): undefined {
  rmdirSync(mkdtempSync(join(folder, '.rgrid-')));
}
