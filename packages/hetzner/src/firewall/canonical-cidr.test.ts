import fc from 'fast-check';
import { expect, test } from 'vitest';

import { canonicalCidr } from './index.ts';

test.each([
  ['192.0.2.0/24', '192.0.2.0/24'],
  [' 192.0.2.7/32 ', '192.0.2.7/32'],
  ['192.0.2.7', '192.0.2.7/32'],
  ['0.0.0.0/0', '0.0.0.0/0'],
  ['10.128.0.0/9', '10.128.0.0/9'],
  ['::/0', '::/0'],
  ['::1', '::1/128'],
  ['2001:DB8::/32', '2001:db8::/32'],
  ['2001:0db8:0000:0000:0000:0000:0000:0001/128', '2001:db8::1/128'],
  // RFC 5952, sections 4.2.2 and 4.2.3: no `::` for one group; the first of two equally long runs.
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1/128'],
  ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1/128'],
  ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1/128'],
  ['fe80::/10', 'fe80::/10'],
  ['1:2:3:4:5:6:0:0/96', '1:2:3:4:5:6::/96'],
  ['::ffff:192.0.2.1', '::ffff:c000:201/128'],
])('%s is %s', (given, canonical) => {
  expect(canonicalCidr(given)).toBe(canonical);
});

test.each([
  ...['', '/', '/24', 'example.com', '192.0.2', '192.0.2.256/24', '192.0.2.0/33', '192.0.2.0/'],
  ...['192.0.2.0/-1', '192.0.2.0/024', '192.0.2.0/24/24', '2001:db8::/129', '2001:db8:::/32'],
  ...['fe80::1%eth0/128', '1:2:3/48', '192.0.2.0/ 24'],
  // Host bits are set.
  ...['192.0.2.7/24', '0.0.0.1/0', '2001:db8::1/64', '10.64.0.0/9'],
])('%j is no network', (text) => {
  expect(canonicalCidr(text)).toBeUndefined();
});

test('however an IPv6 address is written, it is the same one afterwards', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const canonical = canonicalCidr(address);
      expect(canonical).toBeDefined();
      expect(canonicalCidr(canonical ?? '')).toBe(canonical);
      // The parser of URLs writes addresses by the same RFC.
      expect(`[${canonical?.replace('/128', '')}]`).toBe(new URL(`http://[${address}]`).hostname);
    }),
  );
});
