import { globSync, lstatSync, statSync, type Stats } from 'node:fs';
import { resolve } from 'node:path';

import { usageProblem } from '../problem.ts';
import { quoted } from '../terminal/text.ts';
import { expandBraces } from './expand-braces.ts';

/** One item of a batch: the word its script gets, and the file or folder that word names, if any. */
export interface BatchInput {
  text: string;
  /** Absolute path; null for a plain value such as `17` of `{1..100}`. */
  path: string | null;
  isDirectory: boolean;
}

const GLOB_LETTERS = /[*?[]/;

/** The inputs of `--batch`: what the shell expanded, quoted patterns, or both. */
export function expandInputs(words: readonly string[], cwd: string): BatchInput[] {
  const inputs = words.flatMap((word) => inputsOf(word, cwd));
  if (inputs.length === 0) {
    throw usageProblem('--batch names no input: write files or a pattern behind it');
  }
  refuseRepeats(inputs);
  return inputs;
}

function inputsOf(word: string, cwd: string): BatchInput[] {
  const exact = inputAt(word, cwd);
  if (exact) return [exact];
  const alternatives = expandBraces(word);
  const found = alternatives.flatMap((text) => expandOne(text, alternatives.length > 1, cwd));
  if (found.length === 0) throw usageProblem(`--batch ${quoted(word)}: no file matches`);
  return found;
}

function expandOne(text: string, isFromBraces: boolean, cwd: string): BatchInput[] {
  const exact = inputAt(text, cwd);
  if (exact) return [exact];
  if (GLOB_LETTERS.test(text)) return globInputs(text, cwd);
  // `{1..100}` may come quoted, or expanded by the shell already: both mean the same.
  const isPlainValue = /^-?\d+(\.\d+)?$/.test(text) || (isFromBraces && !looksLikePath(text));
  if (isPlainValue) return [{ text, path: null, isDirectory: false }];
  throw usageProblem(`--batch: there is no file ${quoted(text)}`);
}

function looksLikePath(text: string): boolean {
  return text.includes('/') || /\.[A-Za-z][A-Za-z0-9]{0,5}$/.test(text);
}

function globInputs(pattern: string, cwd: string): BatchInput[] {
  // A shell keeps `./` in what it expands, so the argument keeps it too.
  const prefix = pattern.startsWith('./') ? './' : '';
  const found = globSync(pattern, { cwd }).flatMap((path) => inputAt(prefix + path, cwd) ?? []);
  // `**` walks into folders: there they are the way, not inputs.
  const wanted =
    pattern.includes('**') && !pattern.endsWith('/')
      ? found.filter((input) => !input.isDirectory)
      : found;
  return wanted.sort((a, b) => (a.text < b.text ? -1 : 1));
}

function inputAt(text: string, cwd: string): BatchInput | undefined {
  if (text === '') return undefined;
  const path = resolve(cwd, text);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats) return { text, path, isDirectory: checkKind(text, stats) };
  if (lstatSync(path, { throwIfNoEntry: false })) {
    throw usageProblem(`--batch: ${quoted(text)} is a symbolic link to nothing`);
  }
  return undefined;
}

function checkKind(text: string, stats: Stats): boolean {
  if (stats.isFile() || stats.isDirectory()) return stats.isDirectory();
  throw usageProblem(`--batch: ${quoted(text)} is neither a file nor a folder`);
}

function refuseRepeats(inputs: readonly BatchInput[]): void {
  const seen = new Set<string>();
  for (const { path, text } of inputs) {
    const key = path ?? `value ${text}`;
    if (seen.has(key)) throw usageProblem(`--batch: ${quoted(text)} is given twice`);
    seen.add(key);
  }
}
