import { expect, test } from 'vitest';

import { canonicalCidr, formatIpv4, isPrivate, parseIpv4, parseIpv4Range } from './ip-addresses.ts';

test.each([
  ['10.0.1.0/24', '10.0.1.0/24'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['10.0.1.1/32', '10.0.1.1/32'],
  ['::/0', '::/0'],
  ['2001:0DB8:0000:0000:0000:0000:0000:0000/32', '2001:db8::/32'],
  ['2001:db8:0:0:1:0:0:1/128', '2001:db8::1:0:0:1/128'],
  ['2001:db8:ff00:42::/64', '2001:db8:ff00:42::/64'],
])('%s is kept as %s', (given, kept) => {
  expect(canonicalCidr(given)).toBe(kept);
});

test.each([
  '10.0.1.1/24',
  '2001:db8::1/64',
  '10.0.0.0',
  '10.0.0.0/33',
  '::/129',
  '10.0.0/24',
  'any',
  '10.0.0.0/8/8',
])('%s is no range', (text) => {
  expect(canonicalCidr(text)).toBeUndefined();
});

test('an address survives being a number', () => {
  for (const ip of ['0.0.0.0', '10.0.0.1', '172.31.1.1', '255.255.255.255']) {
    expect(formatIpv4(parseIpv4(ip) ?? -1)).toBe(ip);
  }
});

test.each([
  ['10.0.0.0/8', true],
  ['172.16.0.0/12', true],
  ['192.168.5.0/24', true],
  ['172.32.0.0/16', false],
  ['0.0.0.0/0', false],
  ['11.0.0.0/24', false],
])('whether %s is private: %s', (text, expected) => {
  const range = parseIpv4Range(text);
  expect(range && isPrivate(range)).toBe(expected);
});
