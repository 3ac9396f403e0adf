import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { sha256 } from '@nexus/kit/hash';

import { startTestControlPlane, type TestControlPlane } from '../testing/test-control-plane.ts';

const BYTES = '0123456789';
const NAME = 'rgrid-worker-x64-0123456789abcdef.tar.gz';

let plane: TestControlPlane;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'worker-bundles-'));
  plane = await startTestControlPlane({ WORKER_BUNDLES: join(folder, 'public') });
});

afterAll(async () => {
  await plane.stop();
  await rm(folder, { recursive: true, force: true });
});

beforeEach(async () => {
  await rm(join(folder, 'public'), { recursive: true, force: true });
  await writeFile(join(folder, 'secret.tar.gz'), 'not for you');
  await makeFolder({ x86: { file: NAME, sha256: sha256(BYTES), nodeVersion: 'v24.0.0' } });
});

async function makeFolder(list: unknown): Promise<void> {
  await mkdir(join(folder, 'public'));
  await writeFile(join(folder, 'public', NAME), BYTES);
  await writeFile(join(folder, 'public', 'old.tar.gz'), 'an older one');
  await writeFile(join(folder, 'public', 'worker-bundles.json'), JSON.stringify(list));
}

/** As it is: `fetch` would tidy the path up first. */
function getRaw(path: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(plane.url);
    request({ hostname, port, path }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
}

test('a bundle is served to anybody, with its length', async () => {
  const response = await fetch(`${plane.url}/worker-bundles/${NAME}`);
  expect([response.status, await response.text()]).toEqual([200, BYTES]);
  expect(response.headers.get('content-length')).toBe('10');
  expect(response.headers.get('accept-ranges')).toBe('bytes');
});

test('a download goes on where it stopped', async () => {
  const headers = { range: 'bytes=4-' };
  const response = await fetch(`${plane.url}/worker-bundles/${NAME}`, { headers });
  expect([response.status, await response.text()]).toEqual([206, '456789']);
  expect(response.headers.get('content-range')).toBe('bytes 4-9/10');
  expect(response.headers.get('content-length')).toBe('6');
});

test('a new list counts at once', async () => {
  expect(await getRaw('/worker-bundles/old.tar.gz')).toBe(404);
  const list = { arm: { file: 'old.tar.gz', sha256: sha256('x'), nodeVersion: 'v24.0.0' } };
  await writeFile(join(folder, 'public', 'worker-bundles.json'), JSON.stringify(list));
  expect(await getRaw('/worker-bundles/old.tar.gz')).toBe(200);
  expect(await getRaw(`/worker-bundles/${NAME}`)).toBe(404);
});

describe('nothing else is served', () => {
  test.each([
    'worker-bundles.json',
    'old.tar.gz',
    '../secret.tar.gz',
    '..%2fsecret.tar.gz',
    '%2e%2e%2fsecret.tar.gz',
    '%2e%2e/secret.tar.gz',
    '..%5csecret.tar.gz',
    '.%00./secret.tar.gz',
    `${NAME}%00`,
    `./${NAME}`,
    `%2e/${NAME}`,
    '%2fetc%2fpasswd',
    '/etc/passwd',
    '',
  ])('under %j', async (name) => {
    expect(await getRaw(`/worker-bundles/${name}`)).toBe(404);
  });

  test('even if the list itself names a file elsewhere', async () => {
    const list = { x86: { file: '../secret.tar.gz', sha256: sha256('x'), nodeVersion: 'v24.0.0' } };
    await writeFile(join(folder, 'public', 'worker-bundles.json'), JSON.stringify(list));
    expect(await getRaw('/worker-bundles/..%2fsecret.tar.gz')).toBe(500);
  });

  test('before a bundle was made, or after its file was deleted', async () => {
    await rm(join(folder, 'public', NAME));
    expect(await getRaw(`/worker-bundles/${NAME}`)).toBe(404);
    await rm(join(folder, 'public'), { recursive: true });
    expect(await getRaw(`/worker-bundles/${NAME}`)).toBe(404);
  });
});

test('the route is in the documentation', async () => {
  const response = await fetch(`${plane.url}/docs/json`);
  expect(await response.json()).toMatchObject({
    paths: { '/worker-bundles/{file}': { get: { security: [] } } },
  });
});
