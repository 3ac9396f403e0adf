import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { startCluster } from '@nexus/db/embedded';
import { parseConfig } from '@nexus/kit/config';
import { silentLogger } from '@nexus/kit/logger';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createApp } from './app.ts';
import { configSchema } from './config.ts';
import { submitBatch, toSubmission } from './testing/submissions.ts';
import {
  startTestControlPlane,
  TEST_ENCRYPTION_KEY,
  type TestAccount,
  type TestControlPlane,
} from './testing/test-control-plane.ts';

let plane: TestControlPlane;
let ana: TestAccount;

beforeAll(async () => {
  plane = await startTestControlPlane();
  ana = await plane.createAccount();
});

afterAll(() => plane.stop());

const get = (path: string) => fetch(plane.url + path);

test('a healthy control plane says so, to anybody', async () => {
  for (const path of ['/health', '/ready']) {
    const response = await get(path);
    expect([response.status, await response.json()]).toEqual([200, { status: 'ok' }]);
  }
});

// Row 26.
test('metrics are what Prometheus reads, and true', async () => {
  const worker = await plane.addWorker();
  await submitBatch(ana.api, { executions: 5 });
  await worker.lease(2);
  await ana.api.get('/whoami');
  const response = await get('/metrics');
  expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  const text = await response.text();
  const sample =
    /^[a-zA-Z_:][\w:]*(?:\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*\})? (?:[-+]?(?:\d+\.?\d*(?:e[-+]?\d+)?|Inf)|NaN)(?: \d+)?$/;
  const odd = text
    .split('\n')
    .filter((line) => line !== '' && !/^# (?:HELP|TYPE) \w+ /.test(line) && !sample.test(line));
  expect(odd).toEqual([]);
  const value = (name: string) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')[1],
    );
  expect(value('grid_executions{state="queued"}')).toBe(3);
  expect(value('grid_executions{state="leased"}')).toBe(2);
  expect(value('grid_executions{state="running"}')).toBe(0);
  expect(value('grid_workers{state="active"}')).toBe(1);
  expect(
    value('nexus_http_request_seconds_count{method="GET",route="/api/v1/whoami",status="200"}'),
  ).toBe(1);
  expect(text).not.toContain('route="/api/v1/worker/exchange"');
  expect(text).not.toContain(ana.id);
});

describe('the API document', () => {
  interface Document {
    openapi: string;
    info: object;
    components: { securitySchemes: object };
    paths: Record<string, Record<string, Operation>>;
  }

  // What it must be is what these tests look at.
  const readDocument = async () => (await (await get('/docs/json')).json()) as Document;

  interface Operation {
    summary?: string;
    security?: Record<string, string[]>[];
    responses: Record<string, unknown>;
    parameters?: { name: string; in: string; schema: unknown }[];
    requestBody?: { content: Record<string, { schema: unknown }> };
  }

  test('is OpenAPI 3, and every reference in it leads somewhere', async () => {
    const document = await readDocument();
    expect(document.openapi).toMatch(/^3\./);
    expect(document.info).toMatchObject({ title: expect.any(String), version: expect.any(String) });
    const text = JSON.stringify(document);
    for (const [, pointer = ''] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const target = pointer
        .split('/')
        .reduce(
          (at: unknown, name) => (at as Record<string, unknown> | undefined)?.[name],
          document,
        );
      expect(target, pointer).toBeDefined();
    }
  });

  const listOperations = (document: Document) =>
    Object.entries<Record<string, Operation>>(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
    );

  test('says in a line what each route is for, and how its caller signs in', async () => {
    const document = await readDocument();
    const open = /^\/(health|ready|metrics|worker-bundles\/\{file\}|api\/v1\/worker\/register)$/;
    for (const { path, method, operation } of listOperations(document)) {
      const name = `${method} ${path}`;
      expect(operation.summary, name).toMatch(/^\p{Lu}.{3,80}[^.]$/u);
      const scheme = path.startsWith('/api/v1/worker/') ? 'workerToken' : 'apiKey';
      expect(operation.security, name).toEqual(open.test(path) ? [] : [{ [scheme]: [] }]);
    }
    expect(document.components.securitySchemes).toMatchObject({
      apiKey: { type: 'http', scheme: 'bearer' },
      workerToken: { type: 'http', scheme: 'bearer' },
    });
  });

  test('says of each route what goes in and what comes out', async () => {
    const document = await readDocument();
    const operations = listOperations(document);
    expect(operations.length).toBeGreaterThan(25);
    for (const { path, method, operation } of operations) {
      const name = `${method} ${path}`;
      expect(Object.keys(operation.responses), name).not.toEqual([]);
      for (const [, parameter] of path.matchAll(/\{(\w+)\}/g)) {
        expect(
          operation.parameters?.find((one) => one.in === 'path' && one.name === parameter)?.schema,
          name,
        ).toBeDefined();
      }
    }
    const submit = document.paths['/api/v1/batches']?.['post'];
    expect(JSON.stringify(submit?.requestBody)).toContain('idempotencyKey');
  });

  test('can be read by people', async () => {
    const response = await get('/docs');
    expect([response.status, response.headers.get('content-type')]).toEqual([
      200,
      expect.stringContaining('text/html'),
    ]);
  });
});

describe('an answer that is an error', () => {
  test('names what is not there, without its query', async () => {
    const { status, body } = await ana.api.get('/nothing/here?token=abc');
    expect([status, body]).toEqual([
      404,
      {
        error: {
          code: 'not_found',
          message: 'there is no GET /api/v1/nothing/here',
          retryable: false,
        },
      },
    ]);
    expect(await (await get('/nowhere')).json()).toMatchObject({ error: { code: 'not_found' } });
    expect((await ana.api.raw('/whoami', { method: 'DELETE' })).status).toBe(404);
  });

  test('lists every problem of a request with its place', async () => {
    const { body } = await ana.api.post('/batches', {
      ...toSubmission(),
      priority: 'high',
      parallel: 0,
      surprise: 1,
    });
    expect(body.error).toMatchObject({ code: 'invalid_request', retryable: false });
    expect(body.error.details.problems).toHaveLength(3);
    expect(body.error.message).toMatch(/priority: .*parallel: /);
  });

  test('is 415 for a body of a type that is not taken there', async () => {
    const send = async (path: string, method: string, type: string | undefined) => {
      const headers = type === undefined ? {} : { 'content-type': type };
      // A Blob has no type of its own, as a string would.
      const body = new Blob(['{}']);
      const response = await ana.api.raw(path, { method, body, headers });
      const answer = JSON.parse(await response.text());
      return [response.status, answer.error?.code];
    };
    const refused = [415, 'unsupported_media_type'];
    const blob = `/blobs/${'a'.repeat(64)}?size=2`;
    for (const type of [
      'application/json',
      'text/plain',
      'application/x-www-form-urlencoded',
      undefined,
    ])
      expect(await send(blob, 'PUT', type), type).toEqual(refused);
    for (const type of ['application/octet-stream', 'text/plain', 'text/html', undefined]) {
      expect(await send('/batches', 'POST', type), type).toEqual(refused);
      expect(await send('/blobs/missing', 'POST', type), type).toEqual(refused);
      expect(await send('/batches/abcdefghijkl/cancel', 'POST', type), type).toEqual(refused);
    }
    expect((await ana.api.raw(blob, { method: 'PUT' })).status).toBe(415);
  });

  test('is 400 for a query parameter that means nothing there', async () => {
    const id = 'abcdefghijkl';
    for (const path of [
      '/whoami?verbose=1',
      '/workers?state=active',
      '/executions?limits=5',
      '/cost?from=2026-01-01',
      '/estimate?script=a&executions=1&parallel=2',
      `/batches/${id}?full=1`,
      `/batches/${id}/executions?metadata=a%3Db`,
      `/batches/${id}/events?since=1`,
      `/executions/${id}-0/logs?tail=5`,
      `/blobs/${'a'.repeat(64)}?offset=1`,
    ]) {
      const { status, body } = await ana.api.get(path);
      expect([path, status, body.error.code]).toEqual([path, 400, 'invalid_request']);
      expect(body.error.message).toMatch(/^request: Unrecognized key: "\w+"$/);
    }
  });

  test('is 413 for a body that is too large', async () => {
    const huge = JSON.stringify({ all: 'x'.repeat(2 << 20) });
    const send = (path: string) =>
      ana.api.raw(path, {
        method: 'POST',
        body: huge,
        headers: { 'content-type': 'application/json' },
      });
    const response = await send('/batches/abcdefghijkl/retry');
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ error: { code: 'payload_too_large' } });
  });

  test('tells nothing of what went wrong inside', async () => {
    await plane.database.query('alter table executions rename column label to hidden');
    try {
      for (const path of ['/executions', '/executions/abcdefghijkl-0']) {
        const { status, body } = await ana.api.get(path);
        expect(status).toBe(500);
        expect(body).toEqual({
          error: {
            code: 'internal',
            message: 'something went wrong on our side',
            retryable: true,
            errorId: expect.any(String),
          },
        });
      }
    } finally {
      await plane.database.query('alter table executions rename column hidden to label');
    }
  });
});

test('with its database away it lives, is not ready, says 503, and goes on when it is back', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'nexus-away-'));
  const settings = { fsync: 'off' };
  let cluster = await startCluster({ folder: join(folder, 'postgres'), settings });
  const given = {
    DATABASE_URL: cluster.url('postgres'),
    BLOB_FOLDER: join(folder, 'blobs'),
    ENCRYPTION_KEY: TEST_ENCRYPTION_KEY,
  };
  const app = await createApp(parseConfig(configSchema, given), { logger: silentLogger });
  const ask = async (url: string) => {
    const response = await app.server.inject({
      method: 'GET',
      url,
      headers: { authorization: `Bearer rgrid_abc_${'x'.repeat(43)}` },
    });
    return [response.statusCode, response.json().error?.code ?? 'ok'];
  };
  try {
    expect(await ask('/ready')).toEqual([200, 'ok']);
    await cluster.stop();
    expect(await ask('/health')).toEqual([200, 'ok']);
    expect(await ask('/ready')).toEqual([503, 'unavailable']);
    expect(await ask('/api/v1/whoami')).toEqual([503, 'unavailable']);
    expect((await app.server.inject({ method: 'GET', url: '/metrics' })).statusCode).toBe(503);
    cluster = await startCluster({ folder: join(folder, 'postgres'), settings });
    expect(await ask('/ready')).toEqual([200, 'ok']);
    expect(await ask('/api/v1/whoami')).toEqual([401, 'unauthorized']);
  } finally {
    await app.close();
    await cluster.stop();
    await rm(folder, { recursive: true, force: true });
  }
});

test('closing ends every long poll and stream at once', async () => {
  const own = await startTestControlPlane();
  const account = await own.createAccount();
  const worker = await own.addWorker();
  const { batchId } = await submitBatch(account.api);
  await worker.leaseOne();
  const open = [
    worker.api.post('/exchange', { waitMs: 60_000 }),
    account.api.lines(`/batches/${batchId}/events?follow=true`),
    account.api.lines(`/executions/${batchId}-0/logs?follow=true`),
  ].map((call) =>
    call.then(
      () => 'answered',
      () => 'cut',
    ),
  );
  await worker.exchange({ waitMs: 1 });
  await own.stop();
  expect(await Promise.all(open)).toHaveLength(3);
});
