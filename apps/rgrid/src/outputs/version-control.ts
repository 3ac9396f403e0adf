/**
 * Version control runs what lies in its folders: hooks, filters, the programs its config names. A file
 * brought back into one would be a script's way out of its sandbox, so nothing is ever written there.
 */
const NAMES = /^(\.git|\.hg|\.svn|git~\d+)$/;

/** Letters that HFS+ does not tell names apart by: https://github.com/git/git/blob/master/utf8.c, next_hfs_char(). */
const IGNORED_LETTERS = /[\u200C-\u200F\u202A-\u202E\u206A-\u206F\uFEFF]/g;

/** Whether a part of the path is a version control folder, or the file that stands for one, on any file system. */
export function hasVersionControlPart(path: string): boolean {
  return path.split('/').some((part) => NAMES.test(foldName(part)));
}

/** The name as the most forgiving file systems see it: no case, and on Windows no end of dots, spaces or `:stream`. */
function foldName(name: string): string {
  return name
    .replaceAll(IGNORED_LETTERS, '')
    .toLowerCase()
    .replace(/:.*$/s, '')
    .replace(/[. ]+$/, '');
}

/**
 * Finds the folders that git takes for a repository whatever they are called: bare ones, and those a
 * `.git` file points to. Asked for every file, so each folder is looked at once.
 */
export class RepositoryFinder {
  readonly #exists: (path: string) => boolean;
  readonly #known = new Map<string, boolean>();

  /** `exists` says of a relative path whether it is there or will be. */
  constructor(exists: (path: string) => boolean) {
    this.#exists = exists;
  }

  /** Whether the path lies in a repository's own folder. */
  isInside(path: string): boolean {
    const parts = path.split('/').slice(0, -1);
    return [0, ...parts.keys().map((index) => index + 1)].some((depth) =>
      this.#isRepository(parts.slice(0, depth)),
    );
  }

  // As git's is_git_directory() does: https://github.com/git/git/blob/master/setup.c
  #isRepository(folder: readonly string[]): boolean {
    const key = folder.join('/');
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const has = (name: string) => this.#exists([...folder, name].join('/'));
    const is = has('HEAD') && (has('commondir') || (has('objects') && has('refs')));
    this.#known.set(key, is);
    return is;
  }
}
