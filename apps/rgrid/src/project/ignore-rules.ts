import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';

import ignore, { type Ignore } from 'ignore';

/** The patterns of one ignore file and the folder they are relative to. */
interface RuleFile {
  folder: string;
  rules: Ignore;
}

/** Left out of every project unless `.rgridignore` takes it back in. */
const DEFAULT_PATTERNS = [
  '.git',
  '.hg',
  '.svn',
  '__pycache__',
  '*.pyc',
  'node_modules',
  '.venv',
  'venv',
  '.DS_Store',
  '.rgrid',
];

export type Verdict = 'travels' | 'ignored' | 'taken_back';

/**
 * The rules that hold in one folder. `.rgridignore` wins over `.gitignore`, and that over the
 * defaults; within one kind a deeper file wins over a higher one, as in git.
 */
export class IgnoreRules {
  readonly #rgrid: readonly RuleFile[];
  readonly #git: readonly RuleFile[];
  readonly #defaults: RuleFile;

  private constructor(rgrid: readonly RuleFile[], git: readonly RuleFile[], defaults: RuleFile) {
    this.#rgrid = rgrid;
    this.#git = git;
    this.#defaults = defaults;
  }

  /** For the project folder itself, with what the folders above it say up to the repository's root. */
  static forProject(root: string): IgnoreRules {
    const defaults = { folder: root, rules: parse(DEFAULT_PATTERNS.join('\n')) };
    return new IgnoreRules([], inheritedGitRules(root), defaults).enter(root);
  }

  /** For a subfolder, its own ignore files included. */
  enter(folder: string): IgnoreRules {
    const git = readRules(folder, '.gitignore');
    const rgrid = readRules(folder, '.rgridignore');
    if (!git && !rgrid) return this;
    return new IgnoreRules(
      rgrid ? [rgrid, ...this.#rgrid] : this.#rgrid,
      git ? [git, ...this.#git] : this.#git,
      this.#defaults,
    );
  }

  /** For a folder that was taken back in: what made git ignore it does not hold inside either. */
  withoutGit(): IgnoreRules {
    return new IgnoreRules(this.#rgrid, [], this.#defaults);
  }

  judge(path: string, isDirectory: boolean): Verdict {
    for (const file of this.#rgrid) {
      const verdict = judgeBy(file, path, isDirectory);
      if (verdict !== undefined) return verdict;
    }
    for (const file of [...this.#git, this.#defaults]) {
      const verdict = judgeBy(file, path, isDirectory);
      if (verdict !== undefined) return verdict === 'taken_back' ? 'travels' : verdict;
    }
    return 'travels';
  }
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

function parse(text: string): Ignore {
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
