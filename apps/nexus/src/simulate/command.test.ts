import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json, text } from 'node:stream/consumers';
import { afterEach, expect, test } from 'vitest';

import { renderCloudInit } from '@nexus/hetzner/cloud-init';

const NEXUS = join(import.meta.dirname, '..', 'main.ts');

let child: ChildProcess | undefined;

afterEach(async () => {
  if (child && child.exitCode === null && child.signalCode === null) {
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

test('prints what clients need, answers them, and ends at the first signal', async () => {
  const nexus = start('--port', '0', '--token', 'mine');
  const [chunk] = (await once(nexus.stdout, 'data')) as [Buffer];
  const [, url = ''] = /^HCLOUD_ENDPOINT=(.*)$/m.exec(chunk.toString()) ?? [];
  expect(chunk.toString()).toContain('HCLOUD_TOKEN=mine\n');
  const read = async (token: string) =>
    (await fetch(`${url}/servers`, { headers: { Authorization: `Bearer ${token}` } })).status;
  expect(await read('mine')).toBe(200);
  expect(await read('yours')).toBe(401);
  nexus.kill('SIGTERM');
  expect(await once(nexus, 'exit')).toEqual([0, null]);
});

test('with --boot-workers a server runs the worker that its user data asks for', async () => {
  const joined = Promise.withResolvers<unknown>();
  const controlPlane = createHttpServer((request, response) => {
    void json(request).then(joined.resolve);
    response.writeHead(401).end();
  }).listen(0, '127.0.0.1');
  await once(controlPlane, 'listening');
  const { port } = controlPlane.address() as AddressInfo;
  const nexus = start('--port', '0', '--token', 'mine', '--speed', '1000', '--boot-workers');
  const [chunk] = (await once(nexus.stdout, 'data')) as [Buffer];
  const [, url = ''] = /^HCLOUD_ENDPOINT=(.*)$/m.exec(chunk.toString()) ?? [];
  const server = { name: 'grid-1', server_type: 'cx23', image: 'debian-13', location: 'nbg1' };
  const boot = { apiBase: `http://127.0.0.1:${port}`, joinToken: 't'.repeat(40), slots: 3 };
  const userData = renderCloudInit({ ...boot, serverName: server.name, bundle: null });
  const created = await fetch(`${url}/servers`, {
    method: 'POST',
    headers: { authorization: 'Bearer mine', 'content-type': 'application/json' },
    body: JSON.stringify({ ...server, user_data: userData }),
  });
  expect(created.status).toBe(201);
  const request = { joinToken: boot.joinToken, name: 'grid-1', slots: 3 };
  expect(await joined.promise).toMatchObject(request);
  nexus.kill('SIGTERM');
  expect(await once(nexus, 'exit')).toEqual([0, null]);
  controlPlane.close();
});

test.each([
  [['--port', '65536'], '65536 is not a port'],
  [['--port', 'x'], 'x is not a port'],
  [['--speed', '0'], '0 is not a speed'],
])('%j ends with one clear sentence', async (args, message) => {
  const nexus = start(...args);
  const [error] = await Promise.all([text(nexus.stderr), once(nexus, 'exit')]);
  expect(error).toBe(`nexus: ${message}\n`);
  expect(nexus.exitCode).toBe(1);
});

test('a port that is taken is named', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as AddressInfo;
  const error = await text(start('--port', String(port)).stderr);
  expect(error).toBe(`nexus: port ${port} is in use; choose another with --port\n`);
  taken.close();
});

test('its help says how to use it', async () => {
  const nexus = start('--help');
  const out = await text(nexus.stdout);
  expect(out).toContain('--speed <factor>');
  expect(out).toContain('HCLOUD_ENDPOINT=http://127.0.0.1:8500/v1');
});

function start(...args: string[]) {
  const started = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', NEXUS, 'simulate', 'hetzner', ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  child = started;
  return started;
}
