import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { bundleWorkerCode } from './bundle-code.ts';

let scratch: string;
let folder: string;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'bundle-code-'));
  folder = join(scratch, 'one');
  await bundleWorkerCode(folder);
});

afterAll(() => rm(scratch, { recursive: true, force: true }));

/** With nothing around it, as on a new server. */
async function run(...args: string[]) {
  const child = spawn(process.execPath, args, {
    cwd: folder,
    env: {},
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (child.exitCode === null) await once(child, 'exit');
  return { exitCode: child.exitCode, stdout, stderr };
}

test('the worker runs far from this repository, and says what it is not told', async () => {
  expect(await run('main.js')).toEqual({
    exitCode: 1,
    stdout: '',
    stderr: expect.stringMatching(
      /^worker: the configuration has 3 problem\(s\):\n {2}API_BASE: .*\n {2}WORKER_JOIN_TOKEN: .*\n {2}WORKER_FOLDER: .*\n$/,
    ),
  });
});

test('every part that is loaded later loads', async () => {
  const later = (await readdir(folder)).filter(
    (name) => name.endsWith('.js') && name !== 'main.js',
  );
  expect(later).not.toHaveLength(0);
  for (const name of later) {
    const { exitCode, stderr } = await run('--input-type=module', '-e', `import './${name}'`);
    expect({ name, exitCode, stderr }).toEqual({ name, exitCode: 0, stderr: '' });
  }
});

test('the same sources make the same code, which names no folder of this machine', async () => {
  const again = join(scratch, 'two');
  await bundleWorkerCode(again);
  expect(await readdir(again)).toEqual(await readdir(folder));
  for (const name of await readdir(folder)) {
    const code = await readFile(join(folder, name), 'utf8');
    expect(await readFile(join(again, name), 'utf8')).toBe(code);
    expect(code).not.toContain(join(import.meta.dirname, '../../../..'));
  }
});
