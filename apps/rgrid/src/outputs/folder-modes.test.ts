import { chmodSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

import type { ManifestEntry } from '@nexus/grid/contract';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import type { Behaviour } from '../testing/fake-execution.ts';
import { FakePlatform } from '../testing/fake-platform.ts';
import { asOrdinaryUser, makeFolder, runCli } from '../testing/run-cli.ts';

let platform: FakePlatform;
let cwd = '';
let home = '';

beforeEach(async () => {
  platform = await FakePlatform.start();
  cwd = makeFolder('modes', { 'x.py': 'print(1)\n', 'a.csv': 'a', 'b.csv': 'b' });
  home = makeFolder('home');
  await asOrdinaryUser(home, async () => undefined);
});
afterEach(async () => {
  // So that the folder can be removed by whoever runs the tests.
  for (const path of ['closed', 'closed/in', 'ro', 'outputs/closed'])
    if (statSync(join(cwd, path), { throwIfNoEntry: false })) chmodSync(join(cwd, path), 0o755);
  await platform.stop();
});

const folder = (path: string, mode: number): ManifestEntry => ({ type: 'directory', path, mode });
const modeOf = (path: string) => statSync(join(cwd, path)).mode & 0o777;

async function runWith(outputs: NonNullable<Behaviour['outputs']>, ...words: string[]) {
  platform.behave = () => ({ outputs });
  const result = await asOrdinaryUser(cwd, () =>
    runCli(platform, ['run', 'x.py', ...words], { cwd, home }),
  );
  expect(result).toMatchObject({ exitCode: 0 });
}

describe('folders come back with their modes', () => {
  it('also those that were filled, read-only ones and ones that nobody may enter', async () => {
    await runWith({
      closed: folder('closed', 0o000),
      'closed/in': folder('closed/in', 0o700),
      'closed/in/deep.txt': 'deep',
      ro: folder('ro', 0o555),
      'ro/r.txt': 'r',
    });
    expect([modeOf('closed'), modeOf('ro')]).toEqual([0, 0o555]);
    expect(readFileSync(join(cwd, 'ro/r.txt'), 'utf8')).toBe('r');
    chmodSync(join(cwd, 'closed'), 0o755);
    expect(modeOf('closed/in')).toBe(0o700);
    expect(readFileSync(join(cwd, 'closed/in/deep.txt'), 'utf8')).toBe('deep');
  });

  it('and are opened for the next run, and closed again', async () => {
    await runWith({ ro: folder('ro', 0o555), 'ro/r.txt': 'one' });
    await runWith({ ro: folder('ro', 0o555), 'ro/r.txt': 'two', 'ro/new.txt': 'new' });
    expect([modeOf('ro'), readFileSync(join(cwd, 'ro/new.txt'), 'utf8')]).toEqual([0o555, 'new']);
    await runWith({ ro: folder('ro', 0o755) });
    expect(modeOf('ro')).toBe(0o755);
  });

  it('after all executions of a batch that share one', async () => {
    const outputs = { closed: folder('closed', 0o300), 'closed/r.txt': 'r' };
    await runWith(outputs, '--batch', 'a.csv', 'b.csv', '--flat');
    expect(modeOf('outputs/closed')).toBe(0o300);
    chmodSync(join(cwd, 'outputs/closed'), 0o755);
    expect(readFileSync(join(cwd, 'outputs/closed/b.csv-r.txt'), 'utf8')).toBe('r');
  });

  it('but a private one of the person’s is not opened to others', async () => {
    await asOrdinaryUser(cwd, async () => mkdirSync(join(cwd, 'mine'), { mode: 0o700 }));
    await runWith({ mine: folder('mine', 0o755) });
    expect(modeOf('mine')).toBe(0o700);
  });
});
