import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path';

import { usageProblem } from '../problem.ts';
import { quoted } from '../terminal/text.ts';

/** The folder that travels, and the folder in it where the script will be. Both are real paths. */
export class ProjectFolder {
  readonly root: string;
  readonly cwd: string;

  constructor(root: string, cwd: string) {
    this.root = root;
    this.cwd = cwd;
  }

  static find(cwd: string, flag: string | undefined): ProjectFolder {
    const here = realpathSync(cwd);
    if (flag === undefined) return new ProjectFolder(here, here);
    const path = resolve(here, flag);
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      throw usageProblem(`--project ${quoted(flag)}: there is no such folder`);
    }
    const root = realpathSync(path);
    if (isWithin(root, here)) return new ProjectFolder(root, here);
    throw usageProblem(`--project ${quoted(flag)}: must be the current folder or one above it`);
  }

  get workingDirectory(): string {
    return relative(this.root, this.cwd);
  }

  /** Relative for what is inside the project, absolute for the rest: what arguments say stays true there. */
  manifestPath(absolute: string): string {
    return isWithin(this.root, absolute) ? relative(this.root, absolute) : absolute;
  }

  /**
   * Where the file behind a path is to be laid. A folder on the way that is a symbolic link staying
   * in the project travels as a link, so the file goes where that leads; any other link does not
   * travel, and a real folder takes its place.
   */
  place(path: string): string {
    const absolute = resolve(this.cwd, path);
    if (!isWithin(this.root, absolute) || absolute === this.root) return absolute;
    const realParent = realpathSync(dirname(absolute));
    return isWithin(this.root, realParent) ? join(realParent, basename(absolute)) : absolute;
  }
}

export function isWithin(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith('../') && !isAbsolute(way));
}
