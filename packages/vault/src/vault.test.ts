import { expect, test } from 'vitest';

import { createVault } from './vault.ts';

const OLD = 'an old secret of more than thirty-two characters';
const NEW = 'a new secret of more than thirty-two characters!';

test('what was sealed for one place opens there and nowhere else', () => {
  const vault = createVault([NEW]);
  const envelope = vault.seal('sk-value', ['account', 'batch']);
  expect(vault.unseal(envelope, ['account', 'batch'])).toBe('sk-value');
  expect(() => vault.unseal(envelope, ['account', 'other'])).toThrow();
  expect(() => vault.unseal(envelope, ['accountb', 'atch'])).toThrow();
});

test('an envelope names no part of its content and differs each time', () => {
  const vault = createVault([NEW]);
  const envelopes = [vault.seal('sk-value', []), vault.seal('sk-value', [])];
  expect(envelopes[0]).not.toBe(envelopes[1]);
  expect(envelopes.join()).not.toContain('sk-value');
});

test('a changed envelope does not open', () => {
  const vault = createVault([NEW]);
  const envelope = vault.seal('sk-value', []);
  const last = envelope.at(-3) === 'A' ? 'B' : 'A';
  expect(() => vault.unseal(envelope.slice(0, -3) + last + envelope.slice(-2), [])).toThrow();
});

test('after a rotation old envelopes open while the old key is there, and not without it', () => {
  const envelope = createVault([OLD]).seal('sk-value', []);
  expect(createVault([NEW, OLD]).unseal(envelope, [])).toBe('sk-value');
  expect(() => createVault([NEW]).unseal(envelope, [])).toThrow(/no key/);
});

test.each(['', 'v1', 'v1.a.b', 'v2.00000000.AAAA.AAAA', 'sk-value in clear'])(
  '%j is no envelope, and is not repeated in the complaint',
  (text) => {
    const vault = createVault([NEW]);
    expect(() => vault.unseal(text, [])).toThrow(/not a vault envelope/);
    expect(() => vault.unseal('sk-value in clear', [])).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('sk-value') }),
    );
  },
);

test('what is sealed may be empty, long and of any letters', () => {
  const vault = createVault([NEW]);
  for (const text of ['', 'ñ\u{1F600}\0', 'x'.repeat(1 << 20)]) {
    expect(vault.unseal(vault.seal(text, ['a']), ['a'])).toBe(text);
  }
});
