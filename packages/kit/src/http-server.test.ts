import type { InjectOptions } from 'fastify';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';

import { AppError, ERROR_CODES, type ErrorCode } from './errors.ts';
import { createHttpServer } from './http-server.ts';
import { silentLogger } from './logger.ts';

function serve(thrown: unknown) {
  const server = createHttpServer({ logger: silentLogger, bodyLimitBytes: 100 });
  server.get('/fails', () => {
    throw thrown;
  });
  server.post(
    '/typed',
    {
      schema: {
        body: z.strictObject({ n: z.number() }),
        response: { 200: z.object({ n: z.number() }) },
      },
    },
    (request) => request.body,
  );
  server.get(
    '/lies',
    { schema: { response: { 200: z.object({ n: z.number() }) } } },
    () => ({ n: 'secret text' }) as never,
  );
  return server;
}

async function ask(thrown: unknown, options: string | InjectOptions = '/fails') {
  const answer = await serve(thrown).inject(options);
  return { status: answer.statusCode, body: answer.json(), text: answer.body };
}

test.each(Object.keys(ERROR_CODES) as ErrorCode[])(
  '%s is answered with its status',
  async (code) => {
    const { status, body, text } = await ask(
      new AppError(code, 'a sentence about /secret/path', { details: { offset: 3 } }),
    );
    expect(status).toBe(ERROR_CODES[code].status);
    expect(body.error).toMatchObject({ code, retryable: ERROR_CODES[code].retryable });
    if (status < 500)
      expect(body.error).toMatchObject({
        message: 'a sentence about /secret/path',
        details: { offset: 3 },
      });
    else expect(text).not.toContain('secret');
  },
);

describe('what nobody foresaw', () => {
  test.each([
    ['an error', new Error('select * from secret')],
    ['an error of the system', Object.assign(new Error('open /secret'), { code: 'EACCES' })],
    [
      'an error of PostgreSQL',
      Object.assign(new Error('relation "secret" does not exist'), { code: '42P01' }),
    ],
  ])('%s is a 500 with nothing but an id', async (_name, thrown) => {
    const { status, body, text } = await ask(thrown);
    expect([status, body.error.code]).toEqual([500, 'internal']);
    expect(Object.keys(body.error).toSorted()).toEqual(['code', 'errorId', 'message', 'retryable']);
    expect(text).not.toMatch(/secret|select|\.ts/);
  });

  test('an answer that breaks its own contract is a 500, and is not sent', async () => {
    const { status, text } = await ask(undefined, '/lies');
    expect(status).toBe(500);
    expect(text).not.toContain('secret');
  });
});

test.each(['ECONNREFUSED', 'ECONNRESET', 'ENOENT', '57P01', '57P03', '08006'])(
  'a database that is away (%s) is a 503',
  async (code) => {
    const { status, body } = await ask(Object.assign(new Error('no'), { code }));
    expect([status, body.error]).toEqual([
      503,
      {
        code: 'unavailable',
        retryable: true,
        message: expect.any(String),
        errorId: expect.any(String),
      },
    ]);
  },
);

test.each(['22003', '22021', '22P02', '22P05', '22001', '22007', '22008'])(
  'a value that PostgreSQL cannot store (%s) is a 400',
  async (code) => {
    const { status, body, text } = await ask(
      Object.assign(new Error('invalid byte sequence for "secret"'), { code }),
    );
    expect([status, body.error.code]).toEqual([400, 'invalid_request']);
    expect(text).not.toContain('secret');
  },
);

describe('a body', () => {
  const post = (payload: string, type = 'application/json') =>
    ask(undefined, { method: 'POST', url: '/typed', payload, headers: { 'content-type': type } });

  test('that fits is taken', async () => {
    expect(await post('{"n":1}')).toMatchObject({ status: 200, body: { n: 1 } });
  });

  test.each([
    ['{"n":"1"}', 'n: '],
    ['{}', 'n: '],
    ['{"n":1,"m":2}', 'm'],
    ['[]', 'request: '],
    ['{', 'JSON'],
    ['', 'Body'],
  ])('%s is a 400 that says what is wrong', async (payload, part) => {
    const { status, body } = await post(payload);
    expect([status, body.error.code]).toEqual([400, 'invalid_request']);
    expect(body.error.message).toContain(part);
  });

  test('that is too large is a 413, of another kind a 415', async () => {
    expect(await post(JSON.stringify({ n: 'x'.repeat(200) }))).toMatchObject({
      status: 413,
      body: { error: { code: 'payload_too_large' } },
    });
    for (const type of ['application/x-www-form-urlencoded', 'text/plain']) {
      expect(await post('n=1', type), type).toMatchObject({
        status: 415,
        body: { error: { code: 'unsupported_media_type' } },
      });
    }
  });
});

test('what is not there is a 404 that names the path and not the query', async () => {
  const { status, body } = await ask(undefined, '/nothing?token=abc');
  expect([status, body]).toEqual([
    404,
    { error: { code: 'not_found', message: 'there is no GET /nothing', retryable: false } },
  ]);
});
