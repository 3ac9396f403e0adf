import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { workerBundlesSchema, type Worker } from '@nexus/grid/contract';
import { renderCloudInit } from '@nexus/hetzner/cloud-init';
import { createWorkerMachines, type WorkerMachinesOptions } from '@nexus/nexus/worker-machines';
import { createJoinToken } from '@nexus/orchestrator/join-tokens';
import type { Machine, MachineServer } from '@nexus/simulators/hetzner';
import { has } from '@nexus/testkit';

import { readLog, runToEnd, submit } from './src/submit.ts';
import { startTestGrid, type TestGrid } from './src/test-grid.ts';

const NEXUS = join(import.meta.dirname, '..', 'bin', 'nexus');

const SERVER: MachineServer = {
  ...{ id: 1, name: 'grid-1', labels: {}, project: 'test', serverType: 'cx23', location: 'nbg1' },
  ...{ cores: 1, memoryGb: 4, ipv4: null, privateIps: [], isFirstBoot: true },
};

let grid: TestGrid;
let bundles: string;

beforeAll(async () => {
  bundles = await mkdtemp(join(tmpdir(), 'worker-bundles-'));
  grid = await startTestGrid({ workers: 0, orchestratorEnv: { WORKER_BUNDLES: bundles } });
});

afterAll(async () => {
  await grid.stop();
  await rm(bundles, { recursive: true, force: true });
});

interface Rented {
  name: string;
  joinToken?: string;
  worker?: WorkerMachinesOptions['worker'];
  bundle?: { url: string; sha256: string };
}

async function boot({ name, joinToken, worker = 'checkout', bundle }: Rented): Promise<Machine> {
  const machines = createWorkerMachines({
    ...{ folder: join(grid.folder, 'servers'), worker, environment: process.env },
  });
  const userData = renderCloudInit({
    apiBase: grid.url,
    joinToken: joinToken ?? (await newToken()),
    serverName: name,
    slots: null,
    bundle: bundle ?? null,
  });
  const { signal } = new AbortController();
  const machine = await machines.boot({ server: { ...SERVER, name }, userData, signal });
  if (!machine) throw new Error('the server has no worker');
  return machine;
}

function newToken(): Promise<string> {
  const expiresAt = new Date(Date.now() + 60_000);
  return createJoinToken(grid.database, { expiresAt, isReusable: false });
}

async function findWorker(name: string): Promise<Worker | undefined> {
  const { body } = await grid.api.get('/workers');
  return body.workers.find((worker: Worker) => worker.name === name);
}

const logOf = (name: string) =>
  readFile(join(grid.folder, 'servers', `${name}-1`, 'var/log/rgrid-worker.log'), 'utf8');

const soon = { timeout: 20_000 };

describe('a server that follows its user data', () => {
  test('joins with the name and the resources of its type, and runs a script', async () => {
    const machine = await boot({ name: 'grid-a' });
    await expect
      .poll(() => findWorker('grid-a'), soon)
      .toMatchObject({
        ...{ name: 'grid-a', slots: 1, cpus: 1, memoryBytes: 3.6e9 },
      });
    const files = { 'main.py': 'import sys; print("there", sys.argv[1])' };
    const executions = [{ args: ['1'] }];
    const { batchId } = await submit(grid.api, { files, script: 'main.py', executions });
    const [ended] = await runToEnd(grid.api, batchId);
    expect(ended?.execution).toMatchObject({ state: 'succeeded', workerName: 'grid-a' });
    expect((await readLog(grid.api, `${batchId}-0`, 'stdout')).toString()).toBe('there 1\n');
    await machine.stop();
  });

  test('lets nobody join a second time with its token', async () => {
    const joinToken = await newToken();
    const first = await boot({ name: 'grid-b', joinToken });
    await expect.poll(() => findWorker('grid-b'), soon).toBeDefined();
    const second = await boot({ name: 'grid-c', joinToken });
    await expect.poll(() => logOf('grid-c'), soon).toContain('the join token was used');
    expect(await findWorker('grid-c')).toBe(undefined);
    await Promise.all([first.stop(), second.stop()]);
  });

  test('takes its scripts along when the plug is pulled', async () => {
    const machine = await boot({ name: 'grid-d' });
    const files = { 'main.sh': 'echo up; sleep 271828' };
    const { batchId } = await submit(grid.api, { files, script: 'main.sh' });
    await expect
      .poll(async () => (await readLog(grid.api, `${batchId}-0`, 'stdout')).toString(), soon)
      .toBe('up\n');
    await machine.stop();
    await expect.poll(() => isRunning('271828'), soon).toBe(false);
    await grid.api.post(`/batches/${batchId}/cancel`);
  });
});

async function isRunning(argument: string): Promise<boolean> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'args']);
  return stdout.split('\n').some((line) => line.startsWith('sleep') && line.endsWith(argument));
}

describe.skipIf(!has('curl') || !has('npm registry'))(
  'a server that downloads its worker [needs curl, npm registry]',
  () => {
    let bundle: { url: string; sha256: string };

    beforeAll(async () => {
      await promisify(execFile)(NEXUS, ['worker-bundle', '--out', bundles]);
      const list = await readFile(join(bundles, 'worker-bundles.json'), 'utf8');
      const { x86, arm } = workerBundlesSchema.parse(JSON.parse(list));
      const { file, sha256 } = (process.arch === 'arm64' ? arm : x86) ?? { file: '', sha256: '' };
      bundle = { url: `${grid.url}/worker-bundles/${file}`, sha256 };
    }, 120_000);

    test('runs it, and scripts with the Node in it', async () => {
      const machine = await boot({ name: 'grid-e', worker: 'bundle', bundle });
      await expect.poll(() => findWorker('grid-e'), soon).toBeDefined();
      const files = {
        'main.js': 'console.log(process.execPath.includes(process.argv[2]), process.version)',
      };
      const executions = [{ args: [`grid-e-1/opt/rgrid/${bundle.sha256}/node`] }];
      const { batchId } = await submit(grid.api, { files, script: 'main.js', executions });
      const [ended] = await runToEnd(grid.api, batchId);
      expect(ended?.execution).toMatchObject({ state: 'succeeded', workerName: 'grid-e' });
      expect((await readLog(grid.api, `${batchId}-0`, 'stdout')).toString()).toBe(
        `true ${process.version}\n`,
      );
      await machine.stop();
    }, 60_000);

    test('stays without one when the bytes are others, and says so in its log', async () => {
      const other = { url: bundle.url, sha256: 'a'.repeat(64) };
      await expect(boot({ name: 'grid-f', worker: 'bundle', bundle: other })).rejects.toThrow(
        'the server has no worker',
      );
      expect(await logOf('grid-f')).toContain(`does not have the SHA-256 ${other.sha256}`);
    });
  },
);
