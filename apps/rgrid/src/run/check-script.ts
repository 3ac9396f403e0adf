import {
  accessSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from 'node:fs';
import { dirname, resolve } from 'node:path';

import { systemErrorCode } from '@nexus/kit/errors';

import { closest } from '../flags/suggest.ts';
import { usageProblem } from '../problem.ts';
import { quoted } from '../terminal/text.ts';

export interface Script {
  /** As it was typed. */
  text: string;
  /** Absolute. */
  path: string;
  firstLine: string;
}

/** Finds the script and says what is wrong with it before anything else is done. */
export function checkScript(text: string, cwd: string): Script {
  const path = resolve(cwd, text);
  const stats = statOf(path);
  if (!stats) {
    if (isLink(path)) throw usageProblem(`${quoted(text)} is a symbolic link to nothing`);
    throw usageProblem(`there is no script ${quoted(text)}${suggestion(path)}`);
  }
  if (stats.isDirectory()) throw usageProblem(`${quoted(text)} is a folder, not a script`);
  if (!stats.isFile()) throw usageProblem(`${quoted(text)} is not a file`);
  return { text, path, firstLine: readFirstLine(text, path) };
}

function statOf(path: string) {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // A name too long, a file where a folder should be: there is no such script.
    return undefined;
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
  } catch {
    return false;
  }
}

function readFirstLine(text: string, path: string): string {
  const buffer = Buffer.alloc(256);
  try {
    const file = openSync(path, 'r');
    try {
      const length = readSync(file, buffer, 0, buffer.length, 0);
      return buffer.toString('latin1', 0, length).split('\n', 1)[0] ?? '';
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const why = systemErrorCode(error) === 'EACCES' ? 'permission denied' : systemErrorCode(error);
    throw usageProblem(`cannot read the script ${quoted(text)}: ${why}`);
  }
}

const RUNNABLE = /\.(pyw?|[cm]?[jt]sx?|sh|bash|zsh|rb|pl|php|lua|r|jl)$/i;

/** Whether a worker can know how to run it: by its extension, its `#!` line, or because it is a program. */
export function checkRunnable(script: Script, hasRuntime: boolean): void {
  if (hasRuntime || RUNNABLE.test(script.path) || script.firstLine.startsWith('#!')) return;
  try {
    accessSync(script.path, constants.X_OK);
    if (script.firstLine.startsWith('\u007FELF')) return;
  } catch {
    // Not executable: nothing says how to run it.
  }
  throw usageProblem(
    `cannot tell how to run ${quoted(script.text)}: it has no known extension and no #! line; name one with --runtime`,
  );
}

function suggestion(path: string): string {
  try {
    const name = closest(path.slice(dirname(path).length + 1), readdirSync(dirname(path)));
    return name === undefined ? '' : `; did you mean ${quoted(name)}?`;
  } catch {
    return '';
  }
}
