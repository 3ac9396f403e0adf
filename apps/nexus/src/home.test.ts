import { mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { homeAt, prepareHome } from './home.ts';
import { Problem } from './problem.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexus-home-'));
});

afterEach(() => rm(folder, { recursive: true, force: true }));

/** The sentence it ends with. */
async function prepare(place: string): Promise<string> {
  return prepareHome(homeAt({ NEXUS_HOME: place })).then(
    () => 'usable',
    (error: unknown) =>
      error instanceof Problem ? error.message : `not a Problem: ${String(error)}`,
  );
}

const HINT = '; set NEXUS_HOME to a folder that this user can write to';
const isLinux = process.platform === 'linux';

test('makes the folder and all above it, for its user alone, and takes one that is there', async () => {
  const place = join(folder, 'a', 'b', 'c');
  expect(await prepare(place)).toBe('usable');
  expect(await prepare(place)).toBe('usable');
  expect((await stat(place)).mode & 0o777).toBe(0o700);
  expect(await readdir(place)).toEqual(['logs']);
});

describe('says in one sentence why it cannot be used:', () => {
  test.skipIf(!isLinux)('the kernel’s own folders [needs linux]', async () => {
    for (const place of ['/proc/x', '/proc/x/y', '/proc/self/x'])
      expect(await prepare(place)).toContain(`in ${place}: no folder can be made there (ENOENT); `);
    expect(await prepare('/sys/x')).toMatch(
      /this user may not write there|that place is read-only/,
    );
  });

  test('a file, one on the way, a device', async () => {
    const file = join(folder, 'file');
    await writeFile(file, '');
    for (const place of [file, join(file, 'x'), join(file, 'x', 'y'), '/dev/null/x']) {
      expect(await prepare(place)).toBe(
        `the platform cannot keep its state in ${place}: it, or something on the way to it, is not a folder${HINT}`,
      );
    }
  });

  test('a link to nowhere', async () => {
    const link = join(folder, 'link');
    await symlink(join(folder, 'nowhere', 'x'), link);
    expect(await prepare(link)).toContain(`in ${link}: `);
  });

  test('a name that is too long, which is not repeated in full', async () => {
    const sentence = await prepare(join(folder, 'x'.repeat(5000)));
    expect(sentence).toMatch(
      /^the platform cannot keep its state in [^ ]*x…: its name is too long; /,
    );
    expect(sentence.length).toBeLessThan(300);
  });
});
