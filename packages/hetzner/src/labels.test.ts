import { expect, test } from 'vitest';

import { findLabelProblems, hasLabels, toLabelSelector, type Labels } from './index.ts';

test.each<Labels>([
  { pool: 'grid' },
  { 'managed-by': '' },
  { 'example.com/pool': 'a.b_c-D9' },
  { a: 'x'.repeat(63) },
  { [`${'d'.repeat(253)}/${'n'.repeat(63)}`]: '1' },
  {},
])('%j can be labels', (labels) => {
  expect(findLabelProblems(labels)).toEqual([]);
});

test.each<Labels>([
  { '': 'x' },
  { '-a': 'x' },
  { 'a.': 'x' },
  { 'a b': 'x' },
  { ['n'.repeat(64)]: 'x' },
  { [`${'d'.repeat(254)}/n`]: 'x' },
  { 'a/b/c': 'x' },
  { 'hetzner.cloud/x': 'x' },
  { a: '-x' },
  { a: 'x/y' },
  { a: 'x'.repeat(64) },
])('%j cannot be labels', (labels) => {
  expect(findLabelProblems(labels)).toHaveLength(1);
});

test('a selector asks for all labels', () => {
  const labels = { pool: 'grid', intent: '7', warm: '' };
  expect(toLabelSelector(labels)).toBe('pool=grid,intent=7,warm');
});

test('labels are there if each has its value', () => {
  expect(hasLabels({ a: '1', b: '2' }, { a: '1' })).toBe(true);
  expect(hasLabels({ a: '2' }, { a: '1' })).toBe(false);
  expect(hasLabels({}, { a: '1' })).toBe(false);
});
