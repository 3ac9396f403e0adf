import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import type { Lease } from '@nexus/grid/contract';
import { sha256 } from '@nexus/kit/hash';
import { createApiClient, type ApiClient } from '@nexus/testkit';

import { finished, leaseQuery, refOf, type FakeWorker } from '../testing/fake-worker.ts';
import { submitBatch, toEntries, toSubmission, uploadBlob } from '../testing/submissions.ts';
import {
  startTestControlPlane,
  type TestAccount,
  type TestControlPlane,
} from '../testing/test-control-plane.ts';

// Row 19: accounts cannot see each other's anything, users are no workers and workers are no users.

let plane: TestControlPlane;
let ana: TestAccount;
let eve: TestAccount;
let worker: FakeWorker;
let batchId: string;
let held: Lease;
let blob: string;

interface Route {
  method: string;
  path: string;
}

let routes: Route[];

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount('ana');
  eve = await plane.createAccount('eve');
  worker = await plane.addWorker();
  routes = await listRoutes();
  blob = await uploadBlob(ana.api, 'a secret of ana');
  batchId = (
    await submitBatch(ana.api, {
      executions: 3,
      files: { 'main.py': 'a secret of ana' },
      submission: { metadata: { whose: 'ana' } },
    })
  ).batchId;
  const lease = await worker.leaseOne();
  await worker.upload(lease, Buffer.from('an output of ana'));
  await worker.log(lease, [{ sequence: 0, data: Buffer.from('a log of ana').toString('base64') }]);
  await worker.finish(lease, {
    outputs: { entries: toEntries({ 'out.txt': 'an output of ana' }) },
    logs: { stdoutBytes: 12, stderrBytes: 0, droppedBytes: 0 },
  });
  held = await worker.leaseOne();
});

afterAll(() => plane.stop());

/** All of the API as its document names it, and what the document hides. */
async function listRoutes(): Promise<Route[]> {
  // OpenAPI 3, as app.test.ts checks.
  const document = (await (await fetch(`${plane.url}/docs/json`)).json()) as {
    paths: Record<string, object>;
  };
  const documented = Object.entries<object>(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path })),
  );
  const hidden = ['/api/v1/blobs/{sha256}', '/api/v1/worker/blobs/{sha256}'].map((path) => ({
    method: 'HEAD',
    path,
  }));
  return [...documented.filter((route) => route.path.startsWith('/api/v1')), ...hidden];
}

const KEY = sha256('environment');

/** The route filled in with what belongs to ana, and a body it would take. */
function fill({ method, path }: Route): { url: string; init: RequestInit } {
  const id = path.includes('/batches/') ? batchId : `${batchId}-0`;
  const filled = path.replace('{id}', id).replace('{sha256}', blob).replace('{key}', KEY);
  const query: Record<string, string> = {
    '/api/v1/estimate': '?script=main.py&executions=5',
    ...(method === 'PUT' ? { '/api/v1/blobs/{sha256}': '?offset=0&size=3' } : {}),
    '/api/v1/worker/blobs/missing': `?${leaseQuery(held)}`,
    '/api/v1/worker/blobs/{sha256}': `?${leaseQuery(held)}&offset=0&size=3`,
  };
  const bodies: Record<string, unknown> = {
    '/api/v1/batches': toSubmission(),
    '/api/v1/blobs/missing': { blobs: [{ sha256: blob, sizeBytes: 15 }] },
    '/api/v1/worker/blobs/missing': { blobs: [{ sha256: blob, sizeBytes: 15 }] },
    '/api/v1/worker/exchange': { items: [finished(held)] },
    '/api/v1/worker/heartbeat': { leases: [refOf(held)] },
    '/api/v1/worker/environments/{key}/claim': refOf(held),
    '/api/v1/worker/environments/{key}/publish': { ...refOf(held), result: { state: 'failed' } },
  };
  const url = `${filled}${query[path] ?? ''}`;
  if (method === 'PUT')
    return {
      url,
      init: { method, body: 'abc', headers: { 'content-type': 'application/octet-stream' } },
    };
  if (method !== 'POST') return { url, init: { method } };
  return {
    url,
    init: {
      method,
      body: JSON.stringify(bodies[path] ?? {}),
      headers: { 'content-type': 'application/json' },
    },
  };
}

function client(token: string | undefined): ApiClient {
  return createApiClient(plane.url, token);
}

/** All that ana has, as she sees it, but for when something may start. */
async function viewOfAna(): Promise<unknown> {
  const paths = [
    `/batches/${batchId}`,
    `/executions/${batchId}-0`,
    `/executions/${batchId}-0/outputs`,
    '/executions?limit=1000',
    '/cost?until=2100-01-01T00:00:00Z',
  ];
  const bodies = await Promise.all(paths.map(async (path) => (await ana.api.get(path)).body));
  return JSON.parse(
    JSON.stringify(bodies, (name, value: unknown) => (name === 'until' ? null : value)),
  );
}

test('the document names the routes these tests walk', () => {
  expect(routes.map((route) => `${route.method} ${route.path}`).toSorted()).toEqual([
    'GET /api/v1/batches/{id}',
    'GET /api/v1/batches/{id}/events',
    'GET /api/v1/batches/{id}/executions',
    'GET /api/v1/blobs/{sha256}',
    'GET /api/v1/cost',
    'GET /api/v1/cost/executions',
    'GET /api/v1/estimate',
    'GET /api/v1/executions',
    'GET /api/v1/executions/{id}',
    'GET /api/v1/executions/{id}/logs',
    'GET /api/v1/executions/{id}/outputs',
    'GET /api/v1/whoami',
    'GET /api/v1/worker/blobs/{sha256}',
    'GET /api/v1/workers',
    'HEAD /api/v1/blobs/{sha256}',
    'HEAD /api/v1/worker/blobs/{sha256}',
    'POST /api/v1/batches',
    'POST /api/v1/batches/{id}/cancel',
    'POST /api/v1/batches/{id}/retry',
    'POST /api/v1/batches/{id}/start',
    'POST /api/v1/blobs/missing',
    'POST /api/v1/executions/{id}/cancel',
    'POST /api/v1/executions/{id}/retry',
    'POST /api/v1/worker/blobs/missing',
    'POST /api/v1/worker/environments/{key}/claim',
    'POST /api/v1/worker/environments/{key}/publish',
    'POST /api/v1/worker/exchange',
    'POST /api/v1/worker/heartbeat',
    'POST /api/v1/worker/leave',
    'POST /api/v1/worker/register',
    'PUT /api/v1/blobs/{sha256}',
    'PUT /api/v1/worker/blobs/{sha256}',
  ]);
});

describe('a key of another account', () => {
  test('finds nothing by any name, and changes nothing', async () => {
    const before = await viewOfAna();
    for (const route of routes.filter(
      ({ path }) => /\{(id|sha256)\}/.test(path) && !path.includes('/worker/'),
    )) {
      const { url, init } = fill(route);
      const response = await client(eve.key).raw(url, init);
      const text = await response.text();
      if (route.method === 'HEAD')
        expect(response.headers.get('upload-complete'), url).toBe('false');
      // An upload is eve's own: the bytes are not what the name says, and that is all she learns.
      else
        expect(response.status, `${route.method} ${url}: ${text}`).toBe(
          route.method === 'PUT' ? 422 : 404,
        );
      expect(text).not.toContain('secret of ana');
    }
    expect(await viewOfAna()).toEqual(before);
  });

  test('gets the same answer for what is another’s as for what is not there', async () => {
    for (const path of [
      '/executions/ID-0',
      '/batches/ID',
      '/executions/ID-0/logs',
      '/batches/ID/events',
    ]) {
      const [theirs, nobodys] = await Promise.all(
        [batchId, 'zzzzzzzzzzzz'].map((id) => eve.api.get(path.replace('ID', id))),
      );
      expect(theirs?.status).toBe(404);
      expect(JSON.stringify(theirs?.body).replaceAll(batchId, 'ID')).toBe(
        JSON.stringify(nobodys?.body).replaceAll('zzzzzzzzzzzz', 'ID'),
      );
    }
  });

  test('sees none of it in lists, sums and estimates', async () => {
    expect((await eve.api.get('/executions')).body.executions).toEqual([]);
    expect((await eve.api.get(`/executions?batch=${batchId}`)).body.executions).toEqual([]);
    expect((await eve.api.get('/executions?metadata=whose%3Dana')).body.executions).toEqual([]);
    // As after an execution that nobody has.
    const { body: page } = await eve.api.get(`/executions?cursor=${batchId}-0`);
    expect(page.error.message).toMatch(/^cursor: there is no execution/);
    expect((await eve.api.get('/cost/executions')).body.executions).toEqual([]);
    expect((await eve.api.get(`/cost/executions?batch=${batchId}`)).body.executions).toEqual([]);
    expect((await eve.api.get('/cost')).body).toMatchObject({
      totalMicros: 0,
      executions: 0,
      days: [],
      batches: [],
    });
    expect((await eve.api.get('/estimate?script=main.py&executions=3')).body).toMatchObject({
      samples: 0,
    });
    expect(
      (await eve.api.post('/blobs/missing', { blobs: [{ sha256: blob, sizeBytes: 15 }] })).body,
    ).toEqual({ missing: [blob] });
  });
});

describe('without a right to it', () => {
  const wrong: [string, () => string | undefined][] = [
    ['no key', () => undefined],
    ['a key that is none', () => 'letmein'],
    ['a key of the right form', () => `rgrid_${'a'.repeat(12)}_${'x'.repeat(43)}`],
    [
      "a key with another's secret",
      () => `${ana.key.split('_').slice(0, 2).join('_')}_${eve.key.split('_').slice(2).join('_')}`,
    ],
    ['a key with a piece missing', () => ana.key.slice(0, -1)],
    ['a join token', () => `join_${'a'.repeat(12)}_${'x'.repeat(43)}`],
  ];

  test.each(wrong)('%s opens no route', async (_name, token) => {
    for (const route of routes.filter(({ path }) => !path.endsWith('/register'))) {
      const { url, init } = fill(route);
      const response = await client(token()).raw(url, init);
      const text = await response.text();
      expect(response.status, `${route.method} ${url}: ${text}`).toBe(401);
      if (route.method !== 'HEAD') expect(JSON.parse(text).error.code).toBe('unauthorized');
    }
  });

  test('a key opens no route of workers', async () => {
    const before = await viewOfAna();
    for (const route of routes.filter(
      ({ path }) => path.startsWith('/api/v1/worker/') && !path.endsWith('/register'),
    )) {
      const { url, init } = fill(route);
      expect((await client(ana.key).raw(url, init)).status, url).toBe(401);
    }
    expect(await viewOfAna()).toEqual(before);
  });

  test("a worker's token opens no route of users", async () => {
    for (const route of routes.filter(({ path }) => !path.startsWith('/api/v1/worker/'))) {
      const { url, init } = fill(route);
      expect((await client(worker.token).raw(url, init)).status, url).toBe(401);
    }
  });

  test('other ways to write the header are no way in', async () => {
    const status = async (authorization: string) =>
      (await fetch(`${plane.url}/api/v1/whoami`, { headers: { authorization } })).status;
    for (const authorization of [
      ana.key,
      `Basic ${ana.key}`,
      `Bearer${ana.key}`,
      `Bearer ${ana.key} x`,
      'Bearer ',
      `Bearer "${ana.key}"`,
    ]) {
      expect(await status(authorization), authorization.replace(ana.key, 'KEY')).toBe(401);
    }
    expect(await status(`bearer ${ana.key}`), 'the scheme has no case').toBe(200);
  });
});

describe('a worker', () => {
  test('reads and writes blobs of the account whose execution it holds, and of no other', async () => {
    const other = await uploadBlob(eve.api, 'a secret of eve');
    expect((await worker.api.raw(`/blobs/${other}?${leaseQuery(held)}`)).status).toBe(404);
    expect(await (await worker.api.raw(`/blobs/${blob}?${leaseQuery(held)}`)).text()).toBe(
      'a secret of ana',
    );
    expect(
      (
        await worker.api.post(`/blobs/missing?${leaseQuery(held)}`, {
          blobs: [{ sha256: other, sizeBytes: 1 }],
        })
      ).body,
    ).toEqual({ missing: [other] });
    await worker.upload(held, Buffer.from('for ana alone'));
    expect((await ana.api.raw(`/blobs/${sha256('for ana alone')}`)).status).toBe(200);
    expect((await eve.api.raw(`/blobs/${sha256('for ana alone')}`)).status).toBe(404);
  });

  test('cannot show a user the bytes of another as a log', async () => {
    const other = await uploadBlob(eve.api, 'another secret of eve');
    await worker.log(held, [
      { sequence: 0, blob: { sha256: other, sizeBytes: 21 } },
      { sequence: 1, data: 'b2s=' },
    ]);
    const lines = await ana.api.lines(`/executions/${held.executionId}/logs`);
    expect(lines).toMatchObject([
      { type: 'attempt' },
      { type: 'chunk', chunk: { sequence: 1, data: 'b2s=' } },
      { type: 'end' },
    ]);
  });
});

test('environments of one account are not those of another', async () => {
  await submitBatch(eve.api, { submission: { priority: 50 } });
  const ofEve = await worker.leaseOne();
  expect(ofEve.batchId).not.toBe(batchId);
  const claim = async (lease: Lease) =>
    (await worker.api.post(`/environments/${KEY}/claim`, refOf(lease))).body;
  expect(await claim(held)).toEqual({ state: 'build' });
  const bytes = Buffer.from('packages of ana');
  await worker.upload(held, bytes);
  const result = { state: 'ready', sha256: sha256(bytes), sizeBytes: bytes.length };
  await worker.api.post(`/environments/${KEY}/publish`, { ...refOf(held), result });
  expect(await claim(held)).toMatchObject({ state: 'ready' });
  expect(await claim(ofEve)).toEqual({ state: 'build' });
});
