import { expect, test } from 'vitest';

import { ApiError } from './errors.ts';
import { findLabelProblem, parseSelector } from './labels.ts';

const LABELS = { pool: 'workers', env: 'staging', empty: '', 'example.com/team': 'grid' };

test.each([
  ['', true],
  ['pool', true],
  ['!pool', false],
  ['!absent', true],
  ['pool=workers', true],
  ['pool==workers', true],
  ['pool = workers', true],
  ['pool=others', false],
  ['pool!=workers', false],
  ['pool!=others', true],
  ['absent!=anything', true],
  ['absent=', false],
  ['empty=', true],
  ['env in (staging,production)', true],
  ['env in (production, testing)', false],
  ['env notin (production)', true],
  ['absent notin (production)', true],
  ['absent in (production)', false],
  ['example.com/team=grid', true],
  ['pool=workers,env in (staging, production),!absent', true],
  ['pool=workers,env=production', false],
])('the selector %j is %s', (selector, isMatch) => {
  expect(parseSelector(selector)(LABELS)).toBe(isMatch);
});

test.each(['=v', '-k', 'k in', 'k in ()x', 'k=v w', 'k in (a b)', ',', 'a/b/c', 'k=-'])(
  'the selector %j is refused',
  (selector) => {
    expect(() => parseSelector(selector)).toThrow(ApiError);
  },
);

test.each([
  [{ a: 'b' }],
  [{ 'example.com/a-b_c.d': 'A-b_c.d' }],
  [{ a: '' }],
  [{ ['k'.repeat(63)]: 'v'.repeat(63) }],
])('the labels %j are valid', (labels) => {
  expect(findLabelProblem(labels)).toBeUndefined();
});

test.each([
  [{ '': 'v' }],
  [{ '-a': 'v' }],
  [{ 'a/b/c': 'v' }],
  [{ 'hetzner.cloud/a': 'v' }],
  [{ a: 'v w' }],
  [{ a: '-v' }],
  [{ ['k'.repeat(64)]: 'v' }],
  [{ k: 'v'.repeat(64) }],
])('the labels %j are not', (labels) => {
  expect(findLabelProblem(labels)).toMatch(/label/);
});
