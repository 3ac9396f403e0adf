import { expect, test } from 'vitest';

import { AppError, ERROR_CODES, errorMessage, isErrorCode, systemErrorCode } from './errors.ts';

test('every code has a status that fits whether to try again', () => {
  for (const [code, { status, retryable, message }] of Object.entries(ERROR_CODES)) {
    expect(status, code).toBeGreaterThanOrEqual(400);
    expect(status, code).toBeLessThan(600);
    if (status >= 500) expect(retryable, code).toBe(true);
    expect(message, code).not.toBe('');
  }
});

test('an error knows its status, its message and what caused it', () => {
  const cause = new Error('below');
  const error = new AppError('conflict', undefined, { cause, details: { offset: 3 } });
  expect(error).toMatchObject({
    code: 'conflict',
    status: 409,
    isRetryable: false,
    message: ERROR_CODES.conflict.message,
    details: { offset: 3 },
    cause,
  });
  expect(new AppError('unavailable', 'not now')).toMatchObject({
    isRetryable: true,
    message: 'not now',
    details: {},
  });
});

test.each([
  [{ code: 'ENOENT' }, 'ENOENT'],
  [Object.assign(new Error('x'), { code: 'EACCES' }), 'EACCES'],
  [{ code: 5 }, undefined],
  [null, undefined],
  ['ENOENT', undefined],
  [undefined, undefined],
])('the code of %o is %s', (error, code) => {
  expect(systemErrorCode(error)).toBe(code);
});

test('codes are told from other words, and anything thrown has a message', () => {
  expect([isErrorCode('not_found'), isErrorCode('toString'), isErrorCode(404)]).toEqual([
    true,
    false,
    false,
  ]);
  expect([errorMessage(new Error('x')), errorMessage('y'), errorMessage(null)]).toEqual([
    'x',
    'y',
    'null',
  ]);
});
