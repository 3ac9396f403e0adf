import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FakePlatform } from '../testing/fake-platform.ts';
import { makeFolder, runCli } from '../testing/run-cli.ts';

let platform: FakePlatform;
let cwd = '';

beforeEach(async () => {
  platform = await FakePlatform.start();
  cwd = makeFolder('check', { 'x.sh': 'echo same\n' });
  platform.behave = () => ({ prints: [['stdout', 'same\n']] });
});
afterEach(() => platform.stop());

const check = (...words: string[]) =>
  runCli(platform, ['run', '--check', '--sandbox', 'process', 'x.sh', ...words], {
    cwd,
    env: { PATH: '/usr/bin:/bin' },
  });

describe('rgrid run --check', () => {
  it('finds the same here and there', async () => {
    const { exitCode, stdout } = await check('a');
    expect(stdout).toContain('the same here and on the grid (3 comparisons)');
    expect(exitCode).toBe(0);
  });

  it('counts a path that the script is given another one for as a difference', async () => {
    const { exitCode, stdout } = await check('/etc/hosts');
    expect(stdout).toMatch(/argument +\/etc\/hosts +\/rgrid\/etc\/hosts +DIFFERS/);
    expect(exitCode).toBe(1);
  });
});
