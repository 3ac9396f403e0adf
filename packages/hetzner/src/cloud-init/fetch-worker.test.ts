import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

import { sha256 } from '@nexus/kit/hash';
import { has } from '@nexus/testkit';

const SCRIPT = join(import.meta.dirname, 'files', 'rgrid-fetch-worker.sh');

let root: string;
let server: Server;
let url: string;
let bundle: Buffer;
/** Requests to be cut off before one is served. */
let failures: number;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'fetch-worker-'));
  bundle = await makeBundle('console.log("a worker")');
  failures = 0;
  server = createServer((_request, response) => {
    failures -= 1;
    if (failures >= 0) response.destroy();
    else response.end(bundle);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/worker.tar.gz`;
});

afterEach(async () => {
  server.close();
  await rm(root, { recursive: true, force: true });
});

async function makeBundle(code: string): Promise<Buffer> {
  const folder = await mkdtemp(join(root, 'bundle-'));
  await mkdir(join(folder, 'worker'));
  await writeFile(join(folder, 'worker/main.js'), code);
  return execFileSync('tar', ['--create', '--gzip', '--directory', folder, 'worker']);
}

async function nameBundle(digest: string): Promise<void> {
  await mkdir(join(root, 'etc/rgrid'), { recursive: true });
  const lines = `BUNDLE_URL='${url}'\nBUNDLE_SHA256=${digest}\n`;
  await writeFile(join(root, 'etc/rgrid/bundle.env'), lines);
}

async function fetchWorker(): Promise<{ exitCode: number | null; stderr: string }> {
  const child = spawn('sh', [SCRIPT], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'] ?? '', RGRID_ROOT: root },
  });
  const [stderr] = await Promise.all([text(child.stderr), once(child, 'close')]);
  return { exitCode: child.exitCode, stderr };
}

const current = () => readFile(join(root, 'opt/rgrid/current/worker/main.js'), 'utf8');

describe.skipIf(!has('curl'))('fetching the worker [needs curl]', () => {
  test('unpacks the bundle under its hash and makes it the current one', async () => {
    await nameBundle(sha256(bundle));
    expect(await fetchWorker()).toEqual({ exitCode: 0, stderr: '' });
    expect(await current()).toBe('console.log("a worker")');
    expect(await readlink(join(root, 'opt/rgrid/current'))).toBe(sha256(bundle));
  });

  test('leaves nothing of a bundle with other bytes, and keeps the current worker', async () => {
    await nameBundle(sha256(bundle));
    await fetchWorker();
    const promised = sha256('something else');
    await nameBundle(promised);
    const { exitCode, stderr } = await fetchWorker();
    expect(exitCode).toBe(1);
    expect(stderr).toBe(`rgrid-fetch-worker: ${url} does not have the SHA-256 ${promised}\n`);
    expect(await current()).toBe('console.log("a worker")');
    expect(await readdir(join(root, 'opt/rgrid'))).not.toContain(promised);
  });

  test('changes to another bundle, and does not fetch the same one twice', async () => {
    await nameBundle(sha256(bundle));
    await fetchWorker();
    bundle = await makeBundle('console.log("the next one")');
    expect((await fetchWorker()).exitCode).toBe(0);
    expect(await current()).toBe('console.log("a worker")');
    await nameBundle(sha256(bundle));
    expect((await fetchWorker()).exitCode).toBe(0);
    expect(await current()).toBe('console.log("the next one")');
  });

  test('asks again when the connection is lost', async () => {
    failures = 2;
    await nameBundle(sha256(bundle));
    expect((await fetchWorker()).exitCode).toBe(0);
    expect(await current()).toBe('console.log("a worker")');
  });
});

test('without a bundle it wants an image that has a worker', async () => {
  expect(await fetchWorker()).toEqual({
    exitCode: 1,
    stderr: 'rgrid-fetch-worker: this image has no worker in it, and no bundle is named\n',
  });
  await mkdir(join(root, 'opt/rgrid/current/worker'), { recursive: true });
  await writeFile(join(root, 'opt/rgrid/current/worker/main.js'), '');
  expect((await fetchWorker()).exitCode).toBe(0);
});
