import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { removeTree } from './remove-tree.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-remove-'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

test('a tree deeper than any path goes, links in it do not take along what they lead to', async () => {
  const tree = join(folder, 'tree');
  await mkdir(tree);
  await writeFile(join(folder, 'outside'), 'x');
  await symlink('..', join(tree, 'up'));
  const script = [
    'import os',
    'for n in range(60):',
    '  os.mkdir("d" * 100); os.chdir("d" * 100)',
    '  open("f", "w").close()',
  ].join('\n');
  execFileSync('python3', ['-c', script], { cwd: tree });
  await removeTree(tree);
  expect([existsSync(tree), existsSync(join(folder, 'outside'))]).toEqual([false, true]);
});

test('a folder that was closed goes', async () => {
  const tree = join(folder, 'closed');
  await mkdir(join(tree, 'inner'), { recursive: true });
  await writeFile(join(tree, 'inner', 'file'), 'x');
  await chmod(join(tree, 'inner'), 0);
  await removeTree(tree);
  expect(existsSync(tree)).toBe(false);
});

test('what is not there is gone already', async () => {
  await removeTree(join(folder, 'nothing'));
});
