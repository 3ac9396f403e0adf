import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';

import { createHetznerClient, type HetznerClient } from '@nexus/hetzner';
import { Secret } from '@nexus/kit/config';
import {
  createHetznerSimulator,
  createManualClock,
  type HetznerSimulator,
} from '@nexus/simulators/hetzner';

import { buildImage, type ImageOrder } from './build-image.ts';

interface TestBuild {
  cloud: HetznerSimulator;
  client: HetznerClient;
  /** User data of every server that was switched on. */
  booted: string[];
  steps: string[];
  run(order?: Partial<ImageOrder>, signal?: AbortSignal): ReturnType<typeof buildImage>;
}

/** `install`: what the server does when it is switched on. Time passes only while somebody waits. */
async function startBuild(
  install: (client: HetznerClient, id: number) => Promise<unknown>,
): Promise<TestBuild> {
  const folder = await mkdtemp(join(tmpdir(), 'build-image-'));
  const clock = createManualClock();
  const booted: string[] = [];
  const steps: string[] = [];
  const cloud = createHetznerSimulator({
    clock,
    machines: {
      boot: async ({ server, userData }) => {
        booted.push(userData);
        await install(client, server.id);
      },
    },
  });
  const sleep = async (delayMs: number) => clock.advance(delayMs);
  const client = createHetznerClient({
    ...{ endpoint: cloud.url, fetch: cloud.fetch, token: new Secret(cloud.token), sleep },
    now: () => new Date(clock.now()),
  });
  onTestFinished(async () => {
    await cloud.close();
    await rm(folder, { recursive: true, force: true });
  });
  return {
    ...{ cloud, client, booted, steps },
    run: (order, signal = new AbortController().signal) =>
      buildImage(
        {
          architecture: 'x86',
          serverTypes: ['cax11', 'cx23', 'cpx22'],
          locations: ['fsn1', 'nbg1'],
          baseImage: 'debian-13',
          bundle: {
            url: 'https://grid.example.com/worker-bundles/a.tar.gz',
            sha256: 'a'.repeat(64),
          },
          gridName: 'staging',
          sshKeyPath: join(folder, 'key'),
          ...order,
        },
        { client, sleep, signal, onStep: (text) => steps.push(text) },
      ),
  };
}

const powerOff = (client: HetznerClient, id: number) => client.servers.power(id, 'poweroff');
const doNothing = async () => undefined;

test('a server installs all, switches itself off, and leaves a snapshot and nothing else', async () => {
  const build = await startBuild(powerOff);
  const image = await build.run();
  expect(await build.client.images.list({ type: 'snapshot' })).toMatchObject([
    {
      ...{ id: image.id, status: 'available', architecture: 'x86' },
      labels: { 'managed-by': 'rgrid', 'rgrid-grid': 'staging', 'rgrid-image': 'worker' },
    },
  ]);
  expect(await build.client.servers.list()).toEqual([]);
  expect(build.booted).toHaveLength(1);
  expect(build.booted[0]).toContain('rgrid-clean-image');
  expect(build.booted[0]).not.toContain('WORKER_JOIN_TOKEN=');
  expect(build.steps).toEqual([
    'creating a server',
    'installing on cx23 in fsn1',
    'taking the snapshot',
    'deleting the server',
  ]);
});

test('what is sold out in one place is looked for in the next', async () => {
  const build = await startBuild(powerOff);
  build.cloud.account.stock.set('cx23', 'fsn1', 0);
  await build.run();
  expect(build.steps).toContain('installing on cx23 in nbg1');
});

test('a server that never finishes is deleted, and no snapshot is taken of it', async () => {
  const build = await startBuild(doNothing);
  await expect(build.run()).rejects.toThrow(/the server did not finish/);
  expect(await build.client.servers.list()).toEqual([]);
  expect(await build.client.images.list({ type: 'snapshot' })).toEqual([]);
});

test('a build that is interrupted leaves no server', async () => {
  const interrupted = new AbortController();
  const build = await startBuild(async () => interrupted.abort(new Error('interrupted')));
  await expect(build.run({}, interrupted.signal)).rejects.toThrow('interrupted');
  expect(await build.client.servers.list()).toEqual([]);
});

test('the server of a build that was killed is deleted by the next one', async () => {
  const build = await startBuild(powerOff);
  const left = { serverType: 'cx23', location: 'fsn1', image: 'debian-13', sshKeys: [] };
  const labels = { 'managed-by': 'rgrid', 'rgrid-role': 'image-build' };
  await build.client.servers.create({ ...left, name: 'rgrid-image-x86', labels });
  await build.run();
  expect(await build.client.servers.list()).toEqual([]);
  expect(build.booted.at(-1)).toContain('rgrid-clean-image');
});

test('a server of that name that is not ours is left alone', async () => {
  const build = await startBuild(powerOff);
  const other = { serverType: 'cx23', location: 'fsn1', image: 'debian-13', sshKeys: [] };
  await build.client.servers.create({ ...other, name: 'rgrid-image-x86', labels: { mine: 'yes' } });
  await expect(build.run()).rejects.toThrow(/name is already used/);
  expect(await build.client.servers.list()).toHaveLength(1);
});

test('without a type of the architecture it says so, and makes nothing', async () => {
  const build = await startBuild(powerOff);
  await expect(build.run({ architecture: 'arm', serverTypes: ['cx23'] })).rejects.toThrow(
    /no server of cx23 with architecture arm can be had in fsn1, nbg1 now/,
  );
  expect(build.booted).toEqual([]);
});
