import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { freePort } from './src/test-grid.ts';

const NEXUS = fileURLToPath(new URL('../bin/nexus', import.meta.url));
const RGRID = fileURLToPath(new URL('../bin/rgrid', import.meta.url));

let home: string;
let started: ChildProcess[];

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'nexus-up-'));
  started = [];
});

afterEach(async () => {
  for (const child of started) child.kill('SIGKILL');
  await waitForNoProcess(home);
  await rm(home, { recursive: true, force: true });
});

interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

function start(args: string[], env: Record<string, string> = {}) {
  const child = spawn(NEXUS, args, {
    env: { ...process.env, NEXUS_HOME: home, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const ended: Promise<Ended> = once(child, 'close').then(() => ({
    code: child.exitCode,
    ...output,
  }));
  const says = async (text: string) => {
    while (!output.stdout.includes(text)) {
      if (child.exitCode !== null) throw new Error(`it ended: ${output.stderr}`);
      await sleep(50);
    }
  };
  return { child, ended, says, output };
}

async function rgrid(args: string[], cwd: string): Promise<Ended> {
  const child = spawn(RGRID, args, {
    cwd,
    env: { ...process.env, NEXUS_HOME: home },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

/** Processes whose command line or environment names the home. */
async function processesOf(folder: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name) || Number(name) === process.pid) continue;
    const commandLine = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '');
    const environment = await readFile(`/proc/${name}/environ`, 'utf8').catch(() => '');
    if (commandLine.includes(folder) || environment.includes(folder)) found.push(Number(name));
  }
  return found;
}

async function waitForNoProcess(folder: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 15_000; waitedMs += 100) {
    if ((await processesOf(folder)).length === 0) return;
    await sleep(100);
  }
  throw new Error(`still running: ${(await processesOf(folder)).join(', ')}`);
}

test('it runs a first job, shows what came back, and with --once ends with 0 and leaves nothing running', async () => {
  const port = await freePort();
  const { ended } = start(['up', '--once', '--port', String(port)]);
  const { code, stdout, stderr } = await ended;
  expect(stderr).not.toMatch(/error|warning|stack/i);
  expect(stdout).toMatch(/outputs\/mate\.txt\/counts\.csv +word,count\n/);
  expect(stdout).toContain('most often “the”');
  expect(code).toBe(0);
  expect(await processesOf(home)).toEqual([]);
  expect((await stat(join(home, 'local.json'))).mode & 0o777).toBe(0o600);
}, 60_000);

test('Ctrl-C stops everything within 5 s, also while something runs; the work goes on at the next start', async () => {
  const port = await freePort();
  const first = start(['up', '--no-first-job', '--port', String(port)]);
  await first.says('Your turn');
  const project = join(home, 'project');
  await mkdir(project);
  await writeFile(
    join(project, 'slow.py'),
    'import time\nfor i in range(30): time.sleep(0.1)\nopen("done", "w").write("yes")',
  );
  const detached = await rgrid(['run', '--detach', 'slow.py'], project);
  expect(detached.code).toBe(0);
  await sleep(1000);
  const askedAt = Date.now();
  first.child.kill('SIGINT');
  await first.ended;
  expect(Date.now() - askedAt).toBeLessThan(5000);
  expect(await processesOf(home)).toEqual([]);

  const second = start(['up', '--no-first-job', '--port', String(port)]);
  await second.says('Your turn');
  const id = detached.stdout.trim();
  for (let waitedMs = 0; waitedMs < 30_000; waitedMs += 200) {
    const status = await rgrid(['status', id, '--json'], project);
    if (status.stdout.includes('"succeeded"')) break;
    await sleep(200);
  }
  expect((await rgrid(['download', id], project)).code).toBe(0);
  expect(await readFile(join(project, 'done'), 'utf8')).toBe('yes');
}, 90_000);

test('killed with -9 it leaves no process behind, and starts again on the same home', async () => {
  const port = await freePort();
  const first = start(['up', '--no-first-job', '--port', String(port)]);
  await first.says('Your turn');
  first.child.kill('SIGKILL');
  await waitForNoProcess(home);
  const second = start(['up', '--once', '--port', String(port)]);
  expect((await second.ended).code).toBe(0);
}, 90_000);

test('a key that was made works from elsewhere until it is revoked', async () => {
  const port = await freePort();
  const running = start(['up', '--no-first-job', '--port', String(port)]);
  await running.says('Your turn');
  const created = await start(['key', 'create', 'laptop', '--account', 'ana']).ended;
  expect(created).toMatchObject({ code: 0, stderr: '' });
  const whoami = () =>
    fetch(`http://127.0.0.1:${port}/api/v1/whoami`, {
      headers: { authorization: `Bearer ${created.stdout.trim()}` },
    });
  expect(await (await whoami()).json()).toEqual({ account: 'ana', keyName: 'laptop' });
  const list = (await start(['key', 'list']).ended).stdout;
  expect(list).toMatch(/^ACCOUNT +NAME +CREATED +LAST USED +STATE\n/);
  expect(list).toMatch(/^ana +laptop .* live$/m);
  expect(await start(['key', 'create', 'my laptop']).ended).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^nexus: "my laptop" cannot be the name of a key: [^\n]*\n$/),
  });
  expect((await start(['key', 'list']).ended).stdout).not.toContain(created.stdout.trim());
  expect(await start(['key', 'create', 'laptop', '--account', 'ana']).ended).toMatchObject({
    code: 1,
    stderr: 'nexus: account ana has a key named laptop already; revoke it first\n',
  });
  expect((await start(['key', 'revoke', 'laptop', '--account', 'ana']).ended).code).toBe(0);
  for (let waitedMs = 0; (await whoami()).status !== 401; waitedMs += 100) {
    if (waitedMs > 10_000) throw new Error('a revoked key still works');
    await sleep(100);
  }
}, 60_000);

test('a port that is taken, a second start and a home that cannot be written each give one sentence', async () => {
  const server = createServer();
  const taken = await freePort();
  await new Promise<void>((resolve) => server.listen(taken, '127.0.0.1', resolve));
  const port = await start(['up', '--port', String(taken)]).ended;
  server.close();
  expect(port).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^nexus: port \d+ is taken by another program[^\n]*\n$/),
  });

  const running = start(['up', '--no-first-job', '--port', String(await freePort())]);
  await running.says('Your turn');
  const again = await start(['up', '--port', String(await freePort())]).ended;
  expect(again).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^nexus: the platform in [^\n]* is running already[^\n]*\n$/),
  });

  const file = join(home, 'file');
  await writeFile(file, '');
  const notAFolder = await start(['up'], { NEXUS_HOME: file }).ended;
  expect(notAFolder).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^nexus: [^\n]* is not a folder[^\n]*\n$/),
  });
  await chmod(file, 0o600);

  const nowhere = await start(['up', '--host', '203.0.113.7'], {
    NEXUS_HOME: join(home, 'other'),
  }).ended;
  expect(nowhere).toMatchObject({
    code: 1,
    stdout: '',
    stderr: 'nexus: this machine has no address 203.0.113.7 to listen on\n',
  });
}, 90_000);

test('a worker that cannot start is told at once, in its own words', async () => {
  const { ended } = start(['up', '--port', String(await freePort())], { WORKER_SANDBOX: 'jail' });
  const { code, stderr } = await ended;
  expect(stderr).toMatch(/^nexus: the worker did not start: .*WORKER_SANDBOX/s);
  expect(code).toBe(1);
  expect(await processesOf(home)).toEqual([]);
}, 30_000);
