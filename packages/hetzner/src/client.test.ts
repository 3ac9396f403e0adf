import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';

import { Secret } from '@nexus/kit/config';
import { createLogger } from '@nexus/kit/logger';
import { startScriptedServer, type ScriptedReply } from '@nexus/testkit';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import {
  createHetznerClient,
  hasCode,
  HetznerApiError,
  HetznerBudgetError,
  HetznerConnectionError,
  HetznerError,
  HetznerReplyError,
} from './index.ts';
import {
  errorJson,
  page,
  serverJson,
  START,
  startTestProject,
  TOKEN,
} from './testing/test-project.ts';

const GET_7 = 'GET /servers/7';
const FOUND = { status: 200, json: { server: serverJson(7) } };

async function failureOf(promise: Promise<unknown>): Promise<HetznerError> {
  const error: unknown = await promise.catch((caught: unknown) => caught);
  if (error instanceof HetznerError) return error;
  throw new Error(`no failure of Hetzner: ${inspect(error)}`);
}

test('a call carries the token, says what it takes and follows no redirect', async () => {
  const { client, server } = await startTestProject([
    { request: GET_7, reply: FOUND },
    { request: GET_7, reply: { status: 302, headers: { location: 'http://127.0.0.1:1/' } } },
  ]);
  expect(await client.servers.get(7)).toMatchObject({ id: 7, name: 'worker-7' });
  expect(server.seen[0]?.headers).toMatchObject({
    authorization: `Bearer ${TOKEN}`,
    accept: 'application/json',
  });
  expect(await failureOf(client.servers.get(7))).toMatchObject({ status: 302, code: null });
});

describe('an answer that is no success', () => {
  test('is an error with code, details and correlation id', async () => {
    const details = { fields: [{ name: 'name', messages: ['is too long'] }, { name: 'labels' }] };
    const { client } = await startTestProject([
      {
        request: GET_7,
        reply: {
          status: 422,
          headers: { 'x-correlation-id': 'abc123' },
          json: errorJson('invalid_input', 'invalid input', details),
        },
      },
    ]);
    const error = await failureOf(client.servers.get(7));
    expect(error).toBeInstanceOf(HetznerApiError);
    expect(error).toMatchObject({
      message:
        'could not GET /servers/7: invalid input (invalid_input, status 422, correlation id abc123)',
      ...{ operation: GET_7, status: 422, code: 'invalid_input', correlationId: 'abc123' },
      details: {
        fields: [
          { name: 'name', messages: ['is too long'] },
          { name: 'labels', messages: [] },
        ],
        ...{ limits: [], announcement: null },
      },
    });
    expect(hasCode(error, 'not_found', 'invalid_input')).toBe(true);
    expect(hasCode(error, 'not_found')).toBe(false);
  });

  test.each([
    ['limits', { limits: [{ name: 'server_limit' }] }, { limits: ['server_limit'] }],
    ['an announcement', { announcement: 'https://x' }, { announcement: 'https://x' }],
    ['no details', null, { fields: [], limits: [], announcement: null }],
    ['odd details', { fields: 'x', limits: [7] }, { fields: [], limits: [] }],
    ['details of another kind', 'x', { fields: [] }],
  ])('may have %s', async (_name, given, details) => {
    const json = errorJson('resource_limit_exceeded', 'server limit exceeded', given);
    const { client } = await startTestProject([{ request: GET_7, reply: { status: 403, json } }]);
    expect(await failureOf(client.servers.get(7))).toMatchObject({ status: 403, details });
  });

  test.each([
    ['HTML', { status: 500, text: '<h1>Internal Server Error</h1>' }],
    ['JSON without an error', { status: 503, json: { no: 'error' } }],
    ['half of a JSON text', { status: 500, text: '{"error":{"code":"server_er' }],
    ['nothing', { status: 404 }],
  ])('may be %s, and then only its status is known', async (_name, reply) => {
    const { client } = await startTestProject([{ request: GET_7, reply }]);
    const error = await failureOf(client.servers.get(7));
    expect(error).toMatchObject({ status: reply.status, code: null });
    expect(error.message).not.toContain('<h1>');
  });
});

describe('a good answer', () => {
  test.each<[string, ScriptedReply, RegExp]>([
    ['malformed JSON', { status: 200, text: '{"server":' }, /is not JSON/],
    ['HTML', { status: 200, text: '<html>' }, /is not JSON/],
    ['nothing', { status: 200 }, /not as documented/],
    ['without what is used', { status: 200, json: { server: { id: 7 } } }, /server\.name/],
    [
      'with another type',
      { status: 200, json: { server: serverJson(7, { created: 'yesterday' }) } },
      /server\.created/,
    ],
  ])('with %s is a failure that says so', async (_name, reply, message) => {
    const { client } = await startTestProject([{ request: GET_7, reply }]);
    const error = await failureOf(client.servers.get(7));
    expect(error).toBeInstanceOf(HetznerReplyError);
    expect(error.message).toMatch(message);
  });

  test('may have more fields, and a status of tomorrow', async () => {
    const json = { server: serverJson(7, { status: 'hibernating', image: null }) };
    const { client } = await startTestProject([{ request: GET_7, reply: { status: 200, json } }]);
    expect(await client.servers.get(7)).toMatchObject({ status: 'unknown', imageId: null });
  });
});

describe('what may pass is tried again', () => {
  test.each<[string, ScriptedReply]>([
    ['an HTML page with 502', { status: 502, text: '<h1>Bad Gateway</h1>' }],
    ['a timeout behind the API', { status: 504, json: errorJson('timeout') }],
    ['too many requests', { status: 429, json: errorJson('rate_limit_exceeded') }],
    ['a lost reply', 'lost'],
    ['a connection that ends in the middle of the body', 'cut'],
  ])('after %s', async (_name, reply) => {
    const { client, delaysMs } = await startTestProject([
      ...[reply, reply].map((reply) => ({ request: 'DELETE /ssh_keys/1', reply })),
      { request: 'DELETE /ssh_keys/1', reply: { status: 204 } },
    ]);
    expect(await client.sshKeys.delete(1)).toBe('deleted');
    expect(delaysMs).toEqual([1000, 1000]);
  });

  test.each<['silent' | 'stuck']>([['silent'], ['stuck']])(
    'after %s servers, when the time of a try is over',
    async (reply) => {
      const { client } = await startTestProject(
        [
          { request: GET_7, reply },
          { request: GET_7, reply: FOUND },
        ],
        { tryTimeoutMs: 60 },
      );
      expect(await client.servers.get(7)).toMatchObject({ id: 7 });
    },
  );

  test('six times in all, and the failure is the last one', async () => {
    const reply = { status: 502, json: errorJson('bad_gateway') };
    const script = Array.from({ length: 6 }, () => ({ request: GET_7, reply }));
    const { client, delaysMs } = await startTestProject(script, { random: () => 0.5 });
    expect(hasCode(await failureOf(client.servers.get(7)), 'bad_gateway')).toBe(true);
    expect(delaysMs).toEqual([1000, 1500, 2500, 4500, 8500]);
  });

  test('but not past the deadline', async () => {
    const reply = { status: 504, json: errorJson('timeout') };
    const script = Array.from({ length: 3 }, () => ({ request: GET_7, reply }));
    const { client, delaysMs } = await startTestProject(script);
    const deadline = new Date(START.getTime() + 2500);
    await failureOf(client.servers.get(7, { deadline }));
    expect(delaysMs).toEqual([1000, 1000]);
  });
});

test('nothing is sent after the deadline', async () => {
  const { client } = await startTestProject([]);
  const error = await failureOf(client.servers.power(7, 'poweroff', { deadline: START }));
  expect(error).toMatchObject({ reason: 'timeout', mayHaveActed: false });
});

describe('whether a failed call may have acted', () => {
  const POWER = 'POST /servers/7/actions/poweroff';

  test.each<[string, ScriptedReply, boolean]>([
    ['a lost reply', 'lost', true],
    ['an answer that was cut', 'cut', true],
    ['a failure inside the API', { status: 500, json: errorJson('server_error') }, true],
    ['an answer that cannot be read', { status: 201, text: 'ok' }, true],
    ['a refusal', { status: 423, json: errorJson('locked') }, false],
  ])('is known after %s', async (_name, reply, mayHaveActed) => {
    const { client } = await startTestProject([{ request: POWER, reply }]);
    expect(await failureOf(client.servers.power(7, 'poweroff'))).toMatchObject({ mayHaveActed });
  });

  test('is no for a read, whatever happens to it', async () => {
    const silent = Array.from({ length: 6 }, () => ({ request: GET_7, reply: 'cut' as const }));
    const broken = { request: GET_7, reply: { status: 500 } };
    const { client } = await startTestProject([...silent, broken]);
    expect(await failureOf(client.servers.get(7))).toMatchObject({ mayHaveActed: false });
    expect(await failureOf(client.servers.get(7))).toMatchObject({ mayHaveActed: false });
  });

  test('is not forgotten when a later try is refused', async () => {
    const { client } = await startTestProject([
      { request: POWER, reply: { status: 502 } },
      { request: POWER, reply: { status: 423, json: errorJson('locked') } },
    ]);
    expect(await failureOf(client.servers.power(7, 'poweroff'))).toMatchObject({
      ...{ code: 'locked', mayHaveActed: true },
    });
  });

  test('is no if nobody listens', async () => {
    const server = await startScriptedServer([]);
    await server.close();
    const client = createHetznerClient({ endpoint: server.url, token: new Secret(TOKEN) });
    const error = await failureOf(client.servers.power(7, 'reset'));
    expect(error).toBeInstanceOf(HetznerConnectionError);
    expect(error).toMatchObject({ reason: 'unreachable', mayHaveActed: false });
    expect(error.message).toContain('ECONNREFUSED');
  });
});

describe('the request budget', () => {
  const limits = (remaining: number) => ({
    'ratelimit-limit': '3600',
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(START.getTime() / 1000 + 3600),
  });

  test('keeps what is left for deletes, and says when there will be more', async () => {
    const { client } = await startTestProject([
      { request: GET_7, reply: { ...FOUND, headers: limits(150) } },
      { request: 'POST /servers/7/actions/reset', reply: { status: 423, headers: limits(50) } },
      { request: 'DELETE /servers/7', reply: { status: 404, json: errorJson('not_found') } },
    ]);
    await client.servers.get(7);
    const read = await failureOf(client.servers.get(7));
    expect(read).toBeInstanceOf(HetznerBudgetError);
    expect(read).toMatchObject({ mayHaveActed: false, retryAt: inSeconds(67) });
    await failureOf(client.servers.power(7, 'reset'));
    expect(await failureOf(client.servers.power(7, 'reset'))).toMatchObject({
      retryAt: inSeconds(59),
    });
    expect(await client.servers.delete(7)).toEqual({ kind: 'gone' });
    expect(client.requestBudget()).toMatchObject({ remaining: 49, fullAt: inSeconds(3600) });
  });

  test('lets a list through that is made in order to delete', async () => {
    const { client } = await startTestProject([
      { request: GET_7, reply: { ...FOUND, headers: limits(50) } },
      {
        request: 'GET /servers?sort=id%3Aasc&page=1&per_page=50',
        reply: { status: 200, json: page('servers', []) },
      },
    ]);
    await client.servers.get(7);
    expect(await client.servers.list({}, { priority: 'delete' })).toEqual([]);
  });

  test('makes a refused delete wait for the second that it needs', async () => {
    const request = 'DELETE /servers/7';
    const refusal = { status: 429, json: errorJson('rate_limit_exceeded'), headers: limits(0) };
    const { client, delaysMs } = await startTestProject([
      { request, reply: refusal },
      { request, reply: { status: 404, json: errorJson('not_found') } },
    ]);
    expect(await client.servers.delete(7)).toEqual({ kind: 'gone' });
    expect(delaysMs).toEqual([1000]);
  });

  test('makes a refused read fail at once, with the time from which it has a chance', async () => {
    const refusal = { status: 429, json: errorJson('rate_limit_exceeded'), headers: limits(0) };
    const { client, delaysMs } = await startTestProject([{ request: GET_7, reply: refusal }]);
    expect(await failureOf(client.servers.get(7))).toMatchObject({
      ...{ code: 'rate_limit_exceeded', retryAt: inSeconds(217) },
    });
    expect(delaysMs).toEqual([]);
  });

  const inSeconds = (seconds: number) => new Date(START.getTime() + seconds * 1000);
});

describe('a signal', () => {
  test.each<['silent' | 'stuck', 'call' | 'client']>([
    ['silent', 'call'],
    ['stuck', 'call'],
    ['silent', 'client'],
    ['stuck', 'client'],
  ])('ends a call to a %s server, with its reason (of the %s)', async (reply, owner) => {
    const controller = new AbortController();
    const { signal } = controller;
    const { client, server } = await startTestProject(
      [{ request: GET_7, reply }],
      owner === 'client' ? { signal } : {},
    );
    const call = client.servers.get(7, owner === 'call' ? { signal } : {});
    const ended = expect(call).rejects.toThrow('enough');
    await server.whenSeen(1);
    controller.abort(new Error('enough'));
    await ended;
  });

  test('ends the wait before the next try, too', async () => {
    const controller = new AbortController();
    const logger = createLogger({ name: 'test', level: 'silent' });
    // The wait begins right after its line in the log.
    logger.info = () => void setImmediate(() => controller.abort(new Error('enough')));
    const { client } = await startTestProject([{ request: GET_7, reply: { status: 502 } }], {
      ...{ logger, sleep: undefined, signal: controller.signal },
    });
    await expect(client.servers.get(7)).rejects.toThrow('enough');
  });

  test('that has gone off already lets nothing be sent', async () => {
    const { client } = await startTestProject([], { signal: AbortSignal.abort(new Error('over')) });
    await expect(client.servers.get(7)).rejects.toThrow('over');
  });
});

describe('the token', () => {
  test('is in no failure, no line of the log and no view of the client', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hetzner-'));
    const destination = join(folder, 'log');
    const logger = createLogger({ name: 'test', level: 'trace', destination });
    const { client } = await startTestProject(
      [
        { request: GET_7, reply: { status: 401, json: errorJson('unauthorized') } },
        { request: GET_7, reply: { status: 502, text: 'x' } },
        { request: GET_7, reply: 'cut' },
        { request: GET_7, reply: { status: 200, text: 'x' } },
      ],
      { logger },
    );
    const failures = [
      await failureOf(client.servers.get(7)),
      await failureOf(client.servers.get(7)),
    ];
    const read = () => readFile(destination, 'utf8').catch(() => '');
    await expect.poll(read).toContain('"status":401');
    await expect.poll(async () => (await read()).split('Hetzner request').length).toBe(5);
    const depths = { depth: 20, showHidden: true };
    const seen = [inspect([failures, client], depths), JSON.stringify(failures), await read()];
    expect(seen.join()).not.toContain(TOKEN.slice(5));
    await rm(folder, { recursive: true });
  });

  test.each(['', 'with space', `${TOKEN}\n`, 'ümlaut'])(
    'cannot be %j, which is not repeated in the complaint',
    (value) => {
      const create = () => createHetznerClient({ token: new Secret(value) });
      expect(create).toThrow(/the Hetzner API token is empty, or has a character/);
      expect(create).not.toThrow(/with space|tokentoken|ümlaut/);
    },
  );

  test.each(['http://api.example.com/v1', 'ftp://127.0.0.1', 'api.hetzner.cloud', ''])(
    'does not go to %j',
    (endpoint) => {
      const token = new Secret(TOKEN);
      expect(() => createHetznerClient({ endpoint, token })).toThrow(/must be an https:/);
    },
  );

  test.each(['https://api.hetzner.cloud/v1', 'http://localhost:1/v1', 'http://[::1]:1'])(
    'may go to %s',
    (endpoint) => {
      expect(createHetznerClient({ endpoint, token: new Secret(TOKEN) })).toBeDefined();
    },
  );
});
