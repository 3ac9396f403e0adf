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
