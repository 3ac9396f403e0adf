import { closeSync, openSync, readdirSync, readSync, statSync, type Dirent } from 'node:fs';
import { basename, dirname, extname, join, relative } from 'node:path';

import { IgnoreRules } from '../project/ignore-rules.ts';
import { isWithin } from '../project/project-folder.ts';
import { definesFlag } from './script-flags.ts';

/** What is looked at of a project: with more of it a run would take noticeably longer to start. */
const MAX_FILES = 500;
const MAX_FOLDERS = 500;
const MAX_BYTES = 8 * 1024 ** 2;
const MAX_FILE_BYTES = 256 * 1024;

/** Extensions of one language: a script imports files of its own. */
const LANGUAGES: readonly (readonly string[])[] = [
  ['.py', '.pyw'],
  ['.js', '.mjs', '.cjs', '.jsx', '.ts', '.mts', '.cts', '.tsx'],
  ['.sh', '.bash', '.zsh'],
];

interface SourceFile {
  /** As it is shown. */
  name: string;
  /** What another file calls it: `cli` of `cli.py`, `tools` of `tools/__init__.py`. */
  module: string;
  text: string;
}

/** Finds the file that gives a script a flag: itself, or one that it may import its parser from. */
export class FlagDefinitions {
  readonly #script: string;
  readonly #cwd: string;
  #files: readonly SourceFile[] | undefined;

  /** Both absolute. Nothing is read before the first question. */
  constructor(script: string, cwd: string) {
    this.#script = script;
    this.#cwd = cwd;
  }

  /**
   * `isImported`: only files count that the script names, or that a file it names does. For flags that are
   * rarely the script's: another script of the folder having one says nothing about this one.
   */
  find(flag: string, { isImported }: { isImported: boolean }): string | undefined {
    this.#files ??= readSources(this.#script, this.#cwd);
    const definers = this.#files.filter(({ text }) => definesFlag(text, flag));
    if (definers.length === 0) return undefined;
    const imported = isImported ? reachable(this.#files) : undefined;
    return definers.find((file) => !imported || imported.has(file))?.name;
  }
}

/** The files that the first one names by their module, and those that they name. */
function reachable(files: readonly SourceFile[]): ReadonlySet<SourceFile> {
  const reached = new Set(files.slice(0, 1));
  // A set that grows while it is walked: what is added gets its turn.
  for (const { text } of reached) {
    const words = new Set(text.match(/[\w-]+/g));
    for (const file of files) if (words.has(file.module)) reached.add(file);
  }
  return reached;
}

/** The script first, then what lies beside it and in the folder that travels, nearest first. */
function readSources(script: string, cwd: string): SourceFile[] {
  const wanted = extensionsOf(script);
  const paths = new Set([script]);
  const folders = [dirname(script), ...(isWithin(cwd, script) ? [cwd] : [])];
  for (const folder of folders) collect(folder, wanted, paths);
  const files: SourceFile[] = [];
  let left = MAX_BYTES;
  for (const path of paths) {
    const text = readHead(path);
    left -= text.length;
    if (left < 0) break;
    files.push({ name: shownName(path, cwd), module: moduleName(path), text });
  }
  return files;
}

function extensionsOf(script: string): readonly string[] {
  const extension = extname(script);
  if (extension !== '') return LANGUAGES.find((language) => language.includes(extension)) ?? [];
  const shebang = /^#!.*/.exec(readHead(script))?.[0] ?? '';
  if (shebang.includes('python')) return ['.py', '.pyw'];
  return shebang.endsWith('sh') ? ['.sh', '.bash', '.zsh'] : [];
}

function collect(root: string, extensions: readonly string[], into: Set<string>): void {
  if (extensions.length === 0) return;
  const waiting = [{ folder: root, rules: IgnoreRules.forProject(root) }];
  for (const [index, { folder, rules }] of waiting.entries()) {
    if (index >= MAX_FOLDERS || into.size >= MAX_FILES) return;
    for (const entry of readFolder(folder)) {
      const path = join(folder, entry.name);
      if (rules.judge(path, entry.isDirectory()) === 'ignored') continue;
      if (entry.isDirectory()) waiting.push({ folder: path, rules: rules.enter(path) });
      else if (entry.isFile() && extensions.includes(extname(path)) && into.size < MAX_FILES)
        into.add(path);
    }
  }
}

// What cannot be read here is said when the project is gathered.
function readFolder(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function readHead(path: string): string {
  try {
    // Opening a named pipe would wait for its writer.
    if (!statSync(path).isFile()) return '';
    const file = openSync(path, 'r');
    try {
      const buffer = Buffer.allocUnsafe(MAX_FILE_BYTES);
      return buffer.toString('utf8', 0, readSync(file, buffer, 0, MAX_FILE_BYTES, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}

function shownName(path: string, cwd: string): string {
  return isWithin(cwd, path) ? relative(cwd, path) : path;
}

function moduleName(path: string): string {
  const name = basename(path, extname(path));
  return name === '__init__' || name === 'index' ? basename(dirname(path)) : name;
}
