import { expect, test } from 'vitest';

import { keyTable } from './key-table.ts';

const createdAt = new Date('2026-01-02T03:04:05.678Z');

test('says in a header what its columns are, as wide as what they hold', () => {
  const keys = [
    { account: 'local', name: 'local', createdAt, lastUsedAt: createdAt, revokedAt: null },
    {
      account: 'a-long-account-name',
      name: 'ci',
      createdAt,
      lastUsedAt: null,
      revokedAt: createdAt,
    },
  ];
  expect(keyTable(keys).split('\n')).toEqual([
    'ACCOUNT              NAME   CREATED                   LAST USED                 STATE',
    'local                local  2026-01-02T03:04:05.678Z  2026-01-02T03:04:05.678Z  live',
    'a-long-account-name  ci     2026-01-02T03:04:05.678Z  never                     revoked 2026-01-02T03:04:05.678Z',
    '',
  ]);
});

test('is its header where there are none', () => {
  expect(keyTable([])).toBe('ACCOUNT  NAME  CREATED  LAST USED  STATE\n');
});
