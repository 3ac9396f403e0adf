import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { startUnit } from './unit-process.ts';

let folder: string;
let log: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'unit-process-'));
  log = join(folder, 'log');
});

afterEach(() => rm(folder, { recursive: true, force: true }));

function start(script: string, command = '/bin/sh') {
  const environment = { PATH: process.env['PATH'] };
  return startUnit({ command, args: ['-c', script], environment, log, restartDelaysMs: [1] });
}

const linesOfLog = async () => (await readFile(log, 'utf8')).split('\n').filter(Boolean);

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test('a program that ends is started again', async () => {
  const unit = start('echo started');
  await expect.poll(async () => (await linesOfLog()).length).toBeGreaterThanOrEqual(3);
  await unit.stop();
  const lines = await linesOfLog();
  expect(new Set(lines)).toEqual(new Set(['started']));
});

test('pulling the plug ends the program and what it started, at once and for good', async () => {
  const unit = start(
    'trap "" TERM; sh -c "trap \\"\\" TERM; echo $$; exec sleep 1000" & echo $$; wait',
  );
  await expect.poll(linesOfLog).toHaveLength(2);
  const pids = (await linesOfLog()).map(Number);
  expect(pids.every(isAlive)).toBe(true);
  await unit.stop();
  await expect.poll(() => pids.some(isAlive)).toBe(false);
  expect(await linesOfLog()).toHaveLength(2);
});

test('a program that cannot start, as of another architecture, harms nobody', async () => {
  const unit = start('', join(folder, 'there is none'));
  await unit.stop();
});

test('a plug that is pulled while the program waits to be started again leaves it off', async () => {
  const unit = startUnit({
    ...{ command: '/bin/sh', args: ['-c', 'echo started'], environment: {}, log },
    restartDelaysMs: [3_600_000],
  });
  await expect.poll(linesOfLog).toEqual(['started']);
  await unit.stop();
  expect(await linesOfLog()).toEqual(['started']);
});
