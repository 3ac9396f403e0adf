import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { has } from '@nexus/testkit';

import { readLog, runToEnd, submit } from './src/submit.ts';
import { startTestGrid, type TestGrid } from './src/test-grid.ts';

let grid: TestGrid;

beforeEach(async () => {
  grid = await startTestGrid({ orchestratorEnv: { LEASE_SECONDS: '2' }, workers: 0 });
});

afterEach(() => grid.stop());

const SLEEPER =
  'import subprocess, sys, time\nprint("up", flush=True)\nsubprocess.run(["sleep", sys.argv[1]])\nprint("done")';

async function waitForState(batchId: string, state: string): Promise<void> {
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 50) {
    const { body } = await grid.api.get(`/batches/${batchId}`);
    if (body.counts[state] > 0) return;
    await sleep(50);
  }
  throw new Error(`nothing became ${state}`);
}

async function waitForWorker(): Promise<void> {
  for (let waitedMs = 0; waitedMs < 20_000; waitedMs += 50) {
    const { body } = await grid.api.get('/workers');
    if (body.workers.length > 0) return;
    await sleep(50);
  }
  throw new Error('no worker came');
}

/** Commands that run anywhere on this machine with this argument. */
async function isRunning(argument: string): Promise<boolean> {
  const lines = await Promise.all(
    (await readdir('/proc'))
      .filter((name) => /^\d+$/.test(name))
      .map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.some((line) => line.split('\0').includes(argument) && line.startsWith('sleep'));
}

test('an execution whose worker is killed starts again on another one, once, and nothing of the first stays', async () => {
  await grid.addWorker();
  const { batchId } = await submit(grid.api, {
    files: { 'main.py': SLEEPER },
    script: 'main.py',
    executions: [{ args: ['3.14159'] }],
  });
  await waitForState(batchId, 'running');
  await grid.workers[0]?.end('SIGKILL');
  await grid.addWorker();
  const [ended] = await runToEnd(grid.api, batchId);
  expect(ended?.execution).toMatchObject({
    state: 'succeeded',
    timesLost: 1,
    epoch: 2,
    retriesUsed: 0,
    workerName: 'worker-2',
  });
  expect((await readLog(grid.api, `${batchId}-0`, 'stdout')).toString()).toBe('up\ndone\n');
  expect(await isRunning('3.14159')).toBe(false);
});

test('a script that runs ten times as long as a lease lives is left alone', async () => {
  await grid.addWorker();
  const { batchId } = await submit(grid.api, {
    files: { 'main.py': SLEEPER },
    script: 'main.py',
    executions: [{ args: ['21'] }],
  });
  const [ended] = await runToEnd(grid.api, batchId);
  expect(ended?.execution).toMatchObject({ state: 'succeeded', timesLost: 0, epoch: 1 });
}, 60_000);

test('a worker that is told to leave finishes what it runs and takes nothing new', async () => {
  const worker = await grid.addWorker({ WORKER_DRAIN_SECONDS: '60', WORKER_SLOTS: '1' });
  const { batchId } = await submit(grid.api, {
    files: { 'main.py': SLEEPER },
    script: 'main.py',
    executions: [{ args: ['1'] }, { args: ['1'] }],
  });
  await waitForState(batchId, 'running');
  await worker.end('SIGTERM');
  const { body } = await grid.api.get(`/batches/${batchId}`);
  expect(body.counts).toMatchObject({ succeeded: 1, queued: 1, lost: 0 });
  const waiting = await grid.api.get(`/executions/${batchId}-1`);
  expect(waiting.body.waiting).toMatchObject({ code: 'no_worker' });
});

test('a worker that is stopped gives its work back, which costs the execution nothing', async () => {
  const worker = await grid.addWorker();
  const { batchId } = await submit(grid.api, {
    files: { 'main.py': SLEEPER },
    script: 'main.py',
    executions: [{ args: ['2.71828'] }],
  });
  await waitForState(batchId, 'running');
  await worker.end('SIGINT');
  expect(await isRunning('2.71828')).toBe(false);
  await waitForState(batchId, 'queued');
  await grid.addWorker();
  const [ended] = await runToEnd(grid.api, batchId);
  expect(ended?.execution).toMatchObject({ state: 'succeeded', timesLost: 0, retriesUsed: 0 });
});

test('--parallel bounds what runs at any moment', async () => {
  await grid.addWorker({ WORKER_SLOTS: '8', WORKER_CPUS: '8' });
  const script = 'import time; print(time.time()); time.sleep(0.3); print(time.time())';
  const { batchId } = await submit(grid.api, {
    files: { 'main.py': script },
    script: 'main.py',
    executions: Array.from({ length: 8 }, () => ({})),
    submission: { parallel: 2 },
  });
  const events = await runToEnd(grid.api, batchId);
  const spans = events.map(({ logs }) =>
    (logs ?? [])
      .flatMap((chunk) => Buffer.from(chunk.data, 'base64').toString().trim().split('\n'))
      .map(Number),
  );
  for (const [start = 0] of spans) {
    expect(
      spans.filter(([from = 0, to = 0]) => from <= start && start < to).length,
    ).toBeLessThanOrEqual(2);
  }
});

test('retries run a failing script again as often as asked, in the same execution', async () => {
  await grid.addWorker();
  const { batchId } = await submit(grid.api, {
    files: { 'main.py': 'raise SystemExit(9)' },
    script: 'main.py',
    submission: { retries: 2 },
  });
  const [ended] = await runToEnd(grid.api, batchId);
  expect(ended?.execution).toMatchObject({
    state: 'failed',
    exitCode: 9,
    retriesUsed: 2,
    epoch: 3,
    timesLost: 0,
  });
});

test('a script sees nothing of the machine, of the platform or of the network', async () => {
  await grid.addWorker();
  const script = [
    'import os, socket',
    'for path in ["/root/.bashrc", "/home/ana/project/../../../var/run/docker.sock", "/etc/shadow"]:',
    '  print(path, os.path.exists(path) and (os.listdir(path) if os.path.isdir(path) else open(path).read() != ""))',
    'print([name for name in os.environ if "TOKEN" in name or "KEY" in name])',
    'for address in [("169.254.169.254", 80), ("127.0.0.1", int(__import__("sys").argv[1]))]:',
    '  try: socket.create_connection(address, 1); print("connected", address)',
    '  except OSError: print("no way to", address[0])',
    'status = dict(line.split(":", 1) for line in open("/proc/self/status"))',
    'print(status["CapEff"].strip(), status["NoNewPrivs"].strip(), os.getuid() != 0 or open("/proc/self/uid_map").read().split()[1] != "0")',
  ].join('\n');
  const port = new URL(grid.url).port;
  const { batchId } = await submit(grid.api, {
    files: { 'main.py': script },
    script: 'main.py',
    executions: [{ args: [port] }],
  });
  await runToEnd(grid.api, batchId);
  const stdout = (await readLog(grid.api, `${batchId}-0`, 'stdout')).toString();
  expect((await readLog(grid.api, `${batchId}-0`, 'stderr')).toString()).toBe('');
  expect(stdout.split('\n')).toEqual([
    '/root/.bashrc False',
    '/home/ana/project/../../../var/run/docker.sock False',
    expect.stringMatching(/shadow False$/),
    '[]',
    'no way to 169.254.169.254',
    'no way to 127.0.0.1',
    '0000000000000000 1 True',
    '',
  ]);
});

describe.skipIf(!has('bubblewrap') && !has('namespaces'))(
  'the plain process driver, beside others [needs bubblewrap or namespaces]',
  () => {
    const job = {
      files: { 'main.py': 'import os; print(os.path.exists(__file__))' },
      script: 'main.py',
      spec: { sandbox: 'process' as const },
    };

    test('is not to be had by who submits', async () => {
      await grid.addWorker();
      await waitForWorker();
      const { batchId } = await submit(grid.api, job);
      const { body } = await grid.api.get(`/executions/${batchId}-0`);
      expect(body.waiting).toMatchObject({
        code: 'no_worker_fits',
        message: 'no worker here offers process',
      });
      const { body: list } = await grid.api.get('/workers');
      expect(list.workers[0].drivers).not.toContain('process');
    });

    test('is offered alone by a worker whose operator insists', async () => {
      await grid.addWorker({ WORKER_SANDBOX: 'process' });
      const { batchId } = await submit(grid.api, job);
      const [ended] = await runToEnd(grid.api, batchId);
      expect(ended?.execution).toMatchObject({ state: 'succeeded', sandbox: 'process' });
      const log = await readFile(join(grid.folder, 'worker-1.log'), 'utf8');
      expect(log).toContain('scripts run without walls');
    });
  },
);

describe.skipIf(!has('docker'))('an image [needs docker]', () => {
  test(
    'runs the script in a container, and one that is not there says so',
    { timeout: 60_000 },
    async () => {
      await grid.addWorker({ WORKER_PULL_IMAGES: 'false' });
      const files = {
        'main.py': 'import sys; print(sys.version_info[:2]); open("made", "w").write("x")',
      };
      const { batchId } = await submit(grid.api, {
        files,
        script: 'main.py',
        spec: { image: 'rgrid-test/python:3.11' },
      });
      const [ended] = await runToEnd(grid.api, batchId);
      expect(ended?.execution).toMatchObject({
        state: 'succeeded',
        sandbox: 'docker',
        outputs: { fileCount: 1 },
      });
      expect((await readLog(grid.api, `${batchId}-0`, 'stdout')).toString()).toBe('(3, 11)\n');
      const other = await submit(grid.api, {
        files,
        script: 'main.py',
        spec: { image: 'no-such/image:1' },
      });
      const [missing] = await runToEnd(grid.api, other.batchId);
      expect(missing?.execution).toMatchObject({
        state: 'failed',
        exitCode: null,
        reason: expect.stringContaining('no-such/image:1'),
      });
    },
  );
});
