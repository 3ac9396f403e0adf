import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative, sep } from 'node:path';

import type makeIgnore from 'ignore';
import type { Ignore } from 'ignore';

import { isOwnName } from '../outputs/own-names.ts';

/** The patterns of one ignore file and the folder they are relative to. */
interface RuleFile {
  folder: string;
  rules: Ignore;
}

/** Left out of every project unless `.rgridignore` takes it back in. */
const DEFAULT_NAMES = new Set([
  '.git',
  '.hg',
  '.svn',
  '__pycache__',
  'node_modules',
  '.venv',
  'venv',
  '.DS_Store',
  '.rgrid',
]);

export type Verdict = 'travels' | 'ignored' | 'taken_back';

/**
 * The rules that hold in one folder. `.rgridignore` wins over `.gitignore`, and that over the
 * defaults; within one kind a deeper file wins over a higher one, as in git.
 */
export class IgnoreRules {
  readonly #rgrid: readonly RuleFile[];
  readonly #git: readonly RuleFile[];

  private constructor(rgrid: readonly RuleFile[], git: readonly RuleFile[]) {
    this.#rgrid = rgrid;
    this.#git = git;
  }

  /** For the project folder itself, with what the folders above it say up to the repository's root. */
  static forProject(root: string): IgnoreRules {
    return new IgnoreRules([], inheritedGitRules(root)).enter(root);
  }

  /** For a subfolder, its own ignore files included. */
  enter(folder: string): IgnoreRules {
    const git = readRules(folder, '.gitignore');
    const rgrid = readRules(folder, '.rgridignore');
    if (!git && !rgrid) return this;
    return new IgnoreRules(
      rgrid ? [rgrid, ...this.#rgrid] : this.#rgrid,
      git ? [git, ...this.#git] : this.#git,
    );
  }

  /** For a folder that was taken back in: what made git ignore it does not hold inside either. */
  withoutGit(): IgnoreRules {
    return new IgnoreRules(this.#rgrid, []);
  }

  judge(path: string, isDirectory: boolean): Verdict {
    for (const file of this.#rgrid) {
      const verdict = judgeBy(file, path, isDirectory);
      if (verdict !== undefined) return verdict;
    }
    for (const file of this.#git) {
      const verdict = judgeBy(file, path, isDirectory);
      if (verdict === 'ignored') return verdict;
      // git may keep node_modules; that makes it no part of a script.
      if (verdict !== undefined) break;
    }
    return isLeftOut(basename(path)) ? 'ignored' : 'travels';
  }
}

/** What was laid beside `.env` is no less secret than `.env`, and no rule of the person's knows its name. */
function isLeftOut(name: string): boolean {
  return DEFAULT_NAMES.has(name) || name.endsWith('.pyc') || isOwnName(name);
}

function judgeBy(file: RuleFile, path: string, isDirectory: boolean): Verdict | undefined {
  const name = relative(file.folder, path).split(sep).join('/');
  // Only what lies below the ignore file is its business.
  if (name === '' || name.startsWith('../')) return undefined;
  const { ignored, unignored } = file.rules.test(isDirectory ? `${name}/` : name);
  if (ignored) return 'ignored';
  return unignored ? 'taken_back' : undefined;
}

function readRules(folder: string, name: string): RuleFile | undefined {
  try {
    return { folder, rules: parse(readFileSync(join(folder, name), 'utf8')) };
  } catch {
    // Not there, or no file: no rules. One that cannot be read is found by the walk, which reads it too.
    return undefined;
  }
}

const require = createRequire(import.meta.url);

function parse(text: string): Ignore {
  // Loaded with the first ignore file there is: 3 ms that a plain folder need not pay.
  // What the package exports, as its own types say.
  const ignore = require('ignore') as typeof makeIgnore;
  return ignore({ ignorecase: false }).add(text);
}

function inheritedGitRules(root: string): RuleFile[] {
  const found: RuleFile[] = [];
  for (let folder = root; !existsSync(join(folder, '.git'));) {
    const parent = dirname(folder);
    // No repository anywhere above: then the folders above are none of its rules either.
    if (parent === folder) return [];
    const rules = readRules(parent, '.gitignore');
    if (rules) found.push(rules);
    folder = parent;
  }
  return found;
}
