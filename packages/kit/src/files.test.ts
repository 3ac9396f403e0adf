import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { writeFileAtomically } from './files.ts';

test('a file is replaced in one step: a reader sees the one or the other, whole', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'kit-files-'));
  const path = join(folder, 'deep', 'file');
  const versions = ['a', 'b'].map((letter) => letter.repeat(200_000));
  await writeFileAtomically(path, versions[0] ?? '');
  let isOver = false;
  const reading = (async () => {
    while (!isOver) expect(versions).toContain(await readFile(path, 'utf8'));
  })();
  await Promise.all(
    Array.from({ length: 30 }, (_, n) => writeFileAtomically(path, versions[n % 2] ?? '')),
  );
  isOver = true;
  await reading;
  expect(await readdir(join(folder, 'deep'))).toEqual(['file']);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await writeFileAtomically(path, 'x', { mode: 0o644 });
  expect((await stat(path)).mode & 0o777).toBe(0o644);
  await rm(folder, { recursive: true });
});
