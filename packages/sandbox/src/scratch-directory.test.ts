import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createScratchDirectory } from './scratch-directory.ts';

let parent: string;
beforeEach(() => {
  parent = mkdtempSync(join(tmpdir(), 'sandbox-scratch-'));
});
afterEach(() => rmSync(parent, { recursive: true }));

test('hands out files that are already gone', async () => {
  const scratch = await createScratchDirectory(parent);
  const fd = scratch.openHidden('secret');
  expect(readFileSync(fd, 'utf8')).toBe('secret');
  expect(readdirSync(dirname(scratch.newPath('any')))).toEqual([]);
  closeSync(fd);
  await scratch.close();
  expect(readdirSync(parent)).toEqual([]);
});

test('removes what dead workers left, and only that', async () => {
  const living = await createScratchDirectory(parent);
  // A process id beyond what Linux gives out belongs to nobody.
  const dead = join(parent, 'rgrid-sandbox-99999999-1-abcdef');
  mkdirSync(join(dead, 'root-1'), { recursive: true });
  mkdirSync(join(parent, 'somebody-elses'));
  const next = await createScratchDirectory(parent);
  expect(existsSync(dead)).toBe(false);
  expect(existsSync(dirname(living.newPath('any')))).toBe(true);
  expect(existsSync(join(parent, 'somebody-elses'))).toBe(true);
  await Promise.all([living.close(), next.close()]);
});
