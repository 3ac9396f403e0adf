import { readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';

import { systemErrorCode } from '@nexus/kit/errors';

import { usageProblem } from '../problem.ts';
import { quoted } from '../terminal/text.ts';
import { localRequirement } from './local-requirements.ts';

/** What is installed before the script runs, by absolute paths of the files that decide it. */
export interface DependencyFiles {
  manager: 'pip' | 'npm';
  files: string[];
}

export interface DependencySearch {
  /** Absolute paths. */
  script: string;
  root: string;
  cwd: string;
  /** `--requirements`; `none` for nothing at all. */
  requirements: string | undefined;
  language: ScriptLanguage;
}

export type ScriptLanguage = 'python' | 'node' | 'other';

/** As many files as one kind of dependency may have in a submission. */
const MAX_FILES = 4;

export function findDependencies(search: DependencySearch): DependencyFiles[] {
  if (search.requirements === 'none') return [];
  if (search.requirements !== undefined) {
    const path = resolve(search.cwd, search.requirements);
    if (!isFile(path))
      throw usageProblem(`--requirements ${quoted(search.requirements)}: there is no such file`);
    return pipDependencies(path);
  }
  switch (search.language) {
    case 'python': {
      const path = besideOrRoot(search, 'requirements.txt');
      return path === undefined ? [] : pipDependencies(path);
    }
    case 'node':
      return npmDependencies(besideOrRoot(search, 'package.json'));
    case 'other':
      return [];
  }
}

export function languageOf(
  script: { path: string; firstLine: string },
  runtime: string | null,
): ScriptLanguage {
  const hint = runtime ?? (script.firstLine.startsWith('#!') ? script.firstLine : '');
  if (/python/.test(hint)) return 'python';
  if (/\b(node|deno|bun|tsx)/.test(hint)) return 'node';
  if (runtime !== null) return 'other';
  if (/\.pyw?$/.test(script.path)) return 'python';
  return /\.[cm]?[jt]sx?$/.test(script.path) ? 'node' : 'other';
}

function besideOrRoot({ script, root }: DependencySearch, name: string): string | undefined {
  return [join(dirname(script), name), join(root, name)].find(isFile);
}

function pipDependencies(path: string): DependencyFiles[] {
  const files = new Set<string>();
  const hasAny = collectRequirements(path, files);
  if (files.size > MAX_FILES) {
    throw usageProblem(
      `${quoted(basename(path))} includes more than ${MAX_FILES - 1} other files: put them together`,
    );
  }
  return hasAny ? [{ manager: 'pip', files: [...files] }] : [];
}

/** Follows `-r` and `-c` lines; returns whether anything is to be installed. */
function collectRequirements(path: string, files: Set<string>): boolean {
  if (files.has(path)) return false;
  files.add(path);
  let hasAny = false;
  for (const line of readLines(path)) {
    const include = /^(-r|--requirement|-c|--constraint)(?:\s*=?\s*)(.+)$/.exec(line);
    if (!include) {
      refuseLocal(path, localRequirement(line));
      hasAny = true;
      continue;
    }
    const target = resolve(dirname(path), include[2] ?? '');
    if (/^[a-z]+:\/\//.test(include[2] ?? '')) continue;
    if (!isFile(target))
      throw usageProblem(
        `${quoted(path)} includes ${quoted(include[2] ?? '')}, which does not exist`,
      );
    const isConstraint = include[1] === '-c' || include[1] === '--constraint';
    hasAny = (collectRequirements(target, files) && !isConstraint) || hasAny;
  }
  return hasAny;
}

function refuseLocal(path: string, named: string | undefined): void {
  if (named === undefined) return;
  throw usageProblem(
    `${quoted(basename(path))} names ${quoted(named)}, which lies here and cannot be installed there: take it out and import it, as the project travels anyway, or list what it depends on instead`,
  );
}

function readLines(path: string): string[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw usageProblem(
      `cannot read ${quoted(path)}: ${systemErrorCode(error) ?? 'unknown reason'}`,
    );
  }
  return text
    .split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '');
}

function npmDependencies(path: string | undefined): DependencyFiles[] {
  if (path === undefined) return [];
  let manifest: unknown;
  try {
    manifest = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw usageProblem(`${quoted(path)} is not valid JSON`);
  }
  const dependencies = dependenciesIn(manifest);
  if (dependencies.length === 0) return [];
  refuseLocal(
    path,
    dependencies.find((wanted) => /^(file|link):|^[.~]{0,2}\//.test(wanted)),
  );
  const lock = join(dirname(path), 'package-lock.json');
  return [{ manager: 'npm', files: isFile(lock) ? [path, lock] : [path] }];
}

function dependenciesIn(manifest: unknown): string[] {
  if (typeof manifest !== 'object' || manifest === null || !('dependencies' in manifest)) return [];
  const { dependencies } = manifest;
  if (typeof dependencies !== 'object' || dependencies === null) return [];
  return Object.values(dependencies).map(String);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
