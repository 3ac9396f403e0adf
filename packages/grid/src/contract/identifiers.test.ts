import { expect, test } from 'vitest';

import { batchIdOf, batchIdSchema, executionId, executionIdSchema } from './identifiers.ts';

test.each([
  ['abcdefghijkl', 0, 1, 'abcdefghijkl-0'],
  ['k3m9x7q2abcd', 99_999, 1, 'k3m9x7q2abcd-99999'],
  ['k3m9x7q2abcd', 17, 2, 'k3m9x7q2abcd-17-2'],
])('%s, %i, %i is %s', (batch, index, retry, id) => {
  expect(executionId(batch, index, retry)).toBe(id);
  expect(executionIdSchema.parse(id)).toBe(id);
  expect(batchIdOf(id)).toBe(batch);
});

test.each([
  '',
  'abc',
  'ABCDEFGHIJKL',
  '1bcdefghijkl',
  'abcdefghijklm',
  'abcdefghijk-',
  'abcdefghijkl\n',
])('%j is no batch', (id) => {
  expect(batchIdSchema.safeParse(id).success).toBe(false);
});

test.each([
  'abcdefghijkl',
  'abcdefghijkl-',
  'abcdefghijkl-x',
  'abcdefghijkl-0-',
  'abcdefghijkl-0-1-2',
  'abcdefghijkl-12345678',
  "abcdefghijkl-0' or 1=1",
])('%j is no execution', (id) => {
  expect(executionIdSchema.safeParse(id).success).toBe(false);
});
