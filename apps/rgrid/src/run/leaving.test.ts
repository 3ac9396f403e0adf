import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { FakePlatform } from '../testing/fake-platform.ts';
import { makeFolder, runCli } from '../testing/run-cli.ts';

let platform: FakePlatform;
let cwd = '';

beforeEach(async () => {
  platform = await FakePlatform.start();
  cwd = makeFolder('leaving', { 'x.py': 'print(1)\n', 'a.csv': 'a', 'b.csv': 'b' });
});
afterEach(() => platform.stop());

/** Runs, and sends SIGTERM once the platform has been asked for something like `asked`. */
function runUntil(asked: RegExp, ...words: string[]) {
  return runCli(platform, ['run', ...words], {
    cwd,
    onSignals: (send) => {
      const timer = setInterval(() => {
        if (!platform.requests.some((request) => asked.test(request))) return;
        clearInterval(timer);
        send('SIGTERM');
      }, 1);
    },
  });
}

const fetches = () => platform.requests.filter((name) => /GET .*(\/blobs|\/outputs)/.test(name));

describe('after the person cancels', () => {
  it('nothing of a run that was stopped is fetched', async () => {
    platform.behave = () => ({ isEndless: true, outputs: { 'r.txt': 'r' } });
    const { exitCode, stderr } = await runUntil(/logs/, 'x.py');
    expect(exitCode).toBe(130);
    expect(stderr).toContain('stays on the platform: rgrid download k000000000aa-0\n');
    expect(fetches()).toEqual([]);
  });

  it('a fetch under way ends, though the script had ended before', async () => {
    platform.behave = () => ({ outputs: { 'r.txt': 'r', 's.txt': 's' } });
    // The first try fails; what comes after the wait for the next is not asked for any more.
    platform.faults.push({ request: /GET \/blobs/, action: { status: 503 } });
    platform.faults.push({ request: /GET \/blobs/, action: { status: 503 } });
    const { exitCode, stderr } = await runUntil(/GET \/blobs/, 'x.py');
    expect(exitCode).toBe(130);
    expect(stderr).toContain('stays on the platform: rgrid download k000000000aa-0\n');
    expect(stderr).not.toContain('cancelling');
    expect(existsSync(join(cwd, 'r.txt'))).toBe(false);
    expect(platform.requests).not.toContain('POST /batches/k000000000aa/cancel');
  });

  it('the code of a script that failed is kept', async () => {
    platform.behave = () => ({ exitCode: 3, outputs: { 'r.txt': 'r' } });
    platform.faults.push({ request: /GET \/blobs/, action: { status: 503 } });
    expect(await runUntil(/GET \/blobs/, 'x.py')).toMatchObject({ exitCode: 3 });
  });

  it('nothing of a batch is fetched that has not come yet', async () => {
    platform.behave = () => ({ isEndless: true, outputs: { 'r.txt': 'r' } });
    const { exitCode, stderr } = await runUntil(/events/, 'x.py', '--batch', 'a.csv', 'b.csv');
    expect(exitCode).toBe(130);
    expect(stderr).toContain(
      'what 2 executions made stays on the platform: rgrid download k000000000aa\n',
    );
    expect(fetches()).toEqual([]);
  });

  it.each([[[]], [['--flat']]])('a batch that had ended exits with 130, with %j', async (flags) => {
    platform.behave = () => ({ outputs: { 'r.txt': 'r' } });
    for (let count = 0; count < 4; count += 1)
      platform.faults.push({ request: /GET \/blobs/, action: { status: 503 } });
    const words = ['x.py', '--batch', 'a.csv', 'b.csv', ...flags];
    const { exitCode, stderr } = await runUntil(/GET \/blobs/, ...words);
    expect(exitCode).toBe(130);
    expect(stderr).toContain('what 2 executions made stays on the platform');
    expect(existsSync(join(cwd, 'outputs/a.csv/r.txt'))).toBe(false);
  });

  it('--fail-fast still brings back what there is', async () => {
    platform.behave = (index) => ({
      ...(index === 0 ? { exitCode: 4 } : { isEndless: true }),
      outputs: { 'r.txt': 'r' },
    });
    const words = ['run', 'x.py', '--batch', 'a.csv', 'b.csv', '--fail-fast'];
    expect(await runCli(platform, words, { cwd })).toMatchObject({ exitCode: 1 });
    expect(existsSync(join(cwd, 'outputs/a.csv/r.txt'))).toBe(true);
  });
});
