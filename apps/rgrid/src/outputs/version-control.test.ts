import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Behaviour } from '../testing/fake-execution.ts';
import { FakePlatform } from '../testing/fake-platform.ts';
import { makeFolder, runCli } from '../testing/run-cli.ts';
import { hasVersionControlPart, RepositoryFinder } from './version-control.ts';

it.each([
  ['.git/hooks/pre-commit', true],
  ['a/.git', true],
  ['a/.GIT/config', true],
  ['.hg/hgrc', true],
  ['a/b/.svn/entries', true],
  ['.g\u200Cit/config', true],
  ['.git./config', true],
  ['.git::$INDEX_ALLOCATION/config', true],
  ['GIT~1/config', true],
  ['.gitignore', false],
  ['.github/workflows/x.yml', false],
  ['repo.git/config', false],
  ['git/config', false],
])('of %s says %s', (path, expected) => {
  expect(hasVersionControlPart(path)).toBe(expected);
});

describe('a repository by another name', () => {
  const isInside = (path: string, ...there: string[]) =>
    new RepositoryFinder((name) => there.includes(name)).isInside(path);

  it.each([
    ['repo.git/hooks/x', ['repo.git/HEAD', 'repo.git/objects', 'repo.git/refs'], true],
    ['repo.git/hooks/x', ['repo.git/HEAD', 'repo.git/commondir'], true],
    ['hooks/x', ['HEAD', 'objects', 'refs'], true],
    ['repo.git', ['repo.git/HEAD', 'repo.git/objects', 'repo.git/refs'], false],
    ['data/x', ['data/HEAD', 'data/refs'], false],
  ])('%s with %j is one: %s', (path, there, expected) => {
    expect(isInside(path, ...there)).toBe(expected);
  });
});

describe('what a script leaves in version control', () => {
  let platform: FakePlatform;
  let cwd = '';

  beforeEach(async () => {
    platform = await FakePlatform.start();
    cwd = makeFolder('project', { 'x.py': 'print(1)\n', '.git/config': 'mine', 'a.csv': 'a' });
  });
  afterEach(() => platform.stop());

  const runWith = (outputs: NonNullable<Behaviour['outputs']>, ...words: string[]) => {
    platform.behave = () => ({ outputs });
    return runCli(platform, ['run', 'x.py', ...words], { cwd });
  };

  it('is named and never written here, not even beside', async () => {
    const { stderr, exitCode } = await runWith({
      '.git/config': 'theirs',
      '.git/hooks/pre-commit': 'theirs',
      'sub/.Git': 'gitdir: ../evil',
      'out.txt': 'out',
    });
    expect(exitCode).toBe(0);
    expect(stderr).toBe(
      'rgrid: wrote out.txt\nrgrid: not brought back: .git/config, .git/hooks/pre-commit, sub/.Git (nothing is written into version control)\n',
    );
    expect(readFileSync(join(cwd, '.git/config'), 'utf8')).toBe('mine');
    expect(existsSync(join(cwd, '.git/hooks'))).toBe(false);
    expect(existsSync(join(cwd, 'sub'))).toBe(false);
  });

  it('stays there for download and batches, too', async () => {
    await runWith({ '.git/hooks/pre-commit': 'theirs' });
    const words = ['download', 'k000000000aa-0', '--output-dir', 'into'];
    const { stderr } = await runCli(platform, words, { cwd });
    expect(stderr).toContain('not brought back: .git/hooks/pre-commit');
    expect(existsSync(join(cwd, 'into/.git'))).toBe(false);
    const batch = await runWith({ '.git/hooks/x': 'theirs' }, '--batch', 'a.csv');
    expect(batch.stderr).toContain('not brought back: a.csv/.git/hooks/x');
    expect(existsSync(join(cwd, 'outputs/a.csv/.git'))).toBe(false);
  });

  it('is found behind a .git file and through a folder of another name', async () => {
    for (const name of ['objects', 'refs'])
      mkdirSync(join(cwd, 'gitdata', name), { recursive: true });
    writeFileSync(join(cwd, 'gitdata/HEAD'), 'ref: refs/heads/main');
    symlinkSync('gitdata', join(cwd, 'alias'));
    const { stderr } = await runWith({
      'gitdata/hooks/pre-commit': 'x',
      'alias/hooks/update': 'x',
    });
    expect(stderr).toContain('not brought back: alias/hooks/update, gitdata/hooks/pre-commit (');
    expect(existsSync(join(cwd, 'gitdata/hooks'))).toBe(false);
  });

  it('is no repository made in one go either', async () => {
    const { stderr } = await runWith({
      'fresh/HEAD': 'x',
      'fresh/config': 'x',
      'fresh/objects/info/y': 'x',
      'fresh/refs': { type: 'directory', path: 'fresh/refs', mode: 0o755 },
    });
    expect(stderr).toContain('not brought back: fresh/HEAD, fresh/config');
    expect(existsSync(join(cwd, 'fresh/config'))).toBe(false);
  });
});
