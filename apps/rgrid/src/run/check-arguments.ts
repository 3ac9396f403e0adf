import { existsSync } from 'node:fs';
import { basename, dirname, isAbsolute, resolve } from 'node:path';

import { candidatesOf } from '../project/named-paths.ts';
import { isWithin } from '../project/project-folder.ts';
import { usageProblem } from '../problem.ts';
import { quoted } from '../terminal/text.ts';

/**
 * Refuses an argument that can only be an input and is not there.
 *
 * An argument that names no file may be an output, a number, anything. But a path that leads out of
 * the project cannot be an output, because nothing written outside of the project comes back. So it
 * is refused if it is such a path (absolute or through `..`), its name has an extension, and the
 * folder it would be in exists here: `/data/in.cvs` is refused; `/api/v1/users`, `results/out.csv`
 * and `/scratch/dir` are not. Words behind `--` are not looked at.
 */
export function refuseMissingInputs(
  words: readonly string[],
  folders: { cwd: string; root: string },
): void {
  for (const text of words.flatMap(candidatesOf)) {
    if (!isAbsolute(text) && !text.startsWith('../')) continue;
    const path = resolve(folders.cwd, text);
    if (isWithin(folders.root, path) || existsSync(path)) continue;
    if (!/[^.]\.[A-Za-z0-9]{1,8}$/.test(basename(path)) || !existsSync(dirname(path))) continue;
    throw usageProblem(
      `${quoted(text)} does not exist, and what a script writes outside of the project does not come back (to pass it on as it is, write -- before it)`,
    );
  }
}
