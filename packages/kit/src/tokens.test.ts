import { expect, test } from 'vitest';

import { randomId } from './ids.ts';
import { createToken, hashSecret, isSecretValid, parseToken } from './tokens.ts';

test('a token opens what it was made for, and its text is not what is kept', () => {
  const token = createToken('rgrid', 'abc123');
  const parsed = parseToken('rgrid', token.text);
  expect(parsed?.id).toBe('abc123');
  expect(isSecretValid(parsed?.secret ?? '', token.secretHash)).toBe(true);
  expect(isSecretValid(`${parsed?.secret.slice(1)}x`, token.secretHash)).toBe(false);
  expect(isSecretValid('', token.secretHash)).toBe(false);
  expect(token.secretHash).toHaveLength(32);
  expect(token.text).not.toContain(token.secretHash.toString('base64url'));
});

test('no two tokens are alike', () => {
  const texts = Array.from({ length: 500 }, () => createToken('rgrid', 'abc').text);
  expect(new Set(texts).size).toBe(500);
});

test('a stored hash of another length opens nothing', () => {
  expect(isSecretValid('x', hashSecret('x').subarray(1))).toBe(false);
  expect(isSecretValid('x', Buffer.alloc(0))).toBe(false);
});

const SECRET = 'x'.repeat(43);

test.each([
  '',
  'rgrid',
  'rgrid__',
  `rgrid_abc`,
  `rgrid_abc_${'x'.repeat(39)}`,
  `worker_abc_${SECRET}`,
  `RGRID_abc_${SECRET}`,
  `rgrid_ABC_${SECRET}`,
  `rgrid_a-b_${SECRET}`,
  `rgrid_abc_${SECRET}\n`,
  `rgrid_abc_${SECRET} `,
  `xrgrid_abc_${SECRET}`,
])('%j is no such token', (text) => {
  expect(parseToken('rgrid', text)).toBeUndefined();
});

test.each([1, 8, 12, 40])(
  'an id of %i characters begins with a letter and can be read aloud',
  (length) => {
    const ids = Array.from({ length: 300 }, () => randomId(length));
    for (const id of ids)
      expect(id).toMatch(new RegExp(`^[a-hjkmnp-tv-z][0-9a-hjkmnp-tv-z]{${length - 1}}$`));
    if (length >= 8) expect(new Set(ids).size).toBe(300);
  },
);
