import { expect, test } from 'vitest';

import { HetznerApiError, HetznerBudgetError, HetznerConnectionError } from '../errors.ts';
import { decideRetry, type FailedTry } from './decide-retry.ts';

const NOW = new Date('2026-11-20T10:00:00Z');
const inSeconds = (seconds: number) => new Date(NOW.getTime() + seconds * 1000);

const answer = (status: number, code: string | null, more: Partial<HetznerApiError> = {}) =>
  new HetznerApiError('GET /servers', {
    ...{ status, code, message: 'no', correlationId: null, retryAt: null, mayHaveActed: false },
    details: { fields: [], limits: [], announcement: null },
    ...more,
  });

const noAnswer = (reason: HetznerConnectionError['reason'], mayHaveActed = false) =>
  new HetznerConnectionError('GET /servers', { reason, explanation: 'x', mayHaveActed });

function decide(error: unknown, more: Partial<FailedTry> = {}, random = 0): number | null {
  const failed = { method: 'GET', isRepeatable: true, retries: 0, deadline: undefined } as const;
  return decideRetry({ ...failed, error, ...more }, NOW, random);
}

test.each([
  [409, 'conflict'],
  [429, 'rate_limit_exceeded'],
  [502, 'bad_gateway'],
  [504, 'timeout'],
  [502, null],
  [504, null],
])('an answer %i %s is tried again after a second', (status, code) => {
  expect(decide(answer(status, code))).toBe(1000);
});

test.each([
  [401, 'unauthorized'],
  [403, 'resource_limit_exceeded'],
  [404, 'not_found'],
  [409, 'uniqueness_error'],
  [412, 'resource_unavailable'],
  [422, 'placement_error'],
  [423, 'locked'],
  [423, 'protected'],
  [500, 'server_error'],
  [503, 'unavailable'],
  [500, null],
  [503, null],
  [302, null],
  [418, 'a_code_of_tomorrow'],
])('an answer %i %s is final', (status, code) => {
  expect(decide(answer(status, code))).toBeNull();
});

test.each([
  ['GET', 'timeout', 1000],
  ['POST', 'timeout', 1000],
  ['GET', 'lost', 1000],
  ['PUT', 'lost', 1000],
  ['DELETE', 'lost', 1000],
  ['POST', 'lost', null],
  ['GET', 'unreachable', null],
  ['POST', 'unreachable', null],
] as const)('%s without an answer (%s): %s', (method, reason, delayMs) => {
  expect(decide(noAnswer(reason), { method })).toBe(delayMs);
});

test.each([
  ['a timeout of what was sent', noAnswer('timeout', true), null],
  ['a gateway that gave up', answer(502, 'bad_gateway', { mayHaveActed: true }), null],
  ['a timeout before anything was sent', noAnswer('timeout'), 1000],
  ['too many requests', answer(429, 'rate_limit_exceeded'), 1000],
])('a call that must not be repeated blindly, after %s: %s', (_name, error, delayMs) => {
  expect(decide(error, { method: 'POST', isRepeatable: false })).toBe(delayMs);
});

test.each([
  [0, 0.999, 1000],
  [1, 0, 1000],
  [1, 0.5, 1500],
  [2, 0.5, 2500],
  [3, 0.999_999, 8000],
  [4, 0, 1000],
  [4, 0.999_999, 16_000],
  [5, 0, null],
])('after %i retries, at chance %f, the delay is %s ms', (retries, random, delayMs) => {
  expect(decide(answer(504, 'timeout'), { retries }, random)).toBe(delayMs);
});

test.each([
  [0.5, 1000],
  [7, 7000],
  [60, 60_000],
  [61, null],
])('when there is room again in %f s, the delay is %s ms', (seconds, delayMs) => {
  const retryAt = inSeconds(seconds);
  expect(decide(answer(429, 'rate_limit_exceeded', { retryAt }))).toBe(delayMs);
});

test.each([
  [0.9, null],
  [1, null],
  [1.1, 1000],
])('with a deadline in %f s, the delay is %s ms', (seconds, delayMs) => {
  expect(decide(answer(504, 'timeout'), { deadline: inSeconds(seconds) })).toBe(delayMs);
});

test('neither a refusal by the budget nor a failure of ours is tried again', () => {
  expect(decide(new HetznerBudgetError('GET /servers', NOW))).toBeNull();
  expect(decide(new Error('a bug'))).toBeNull();
});
