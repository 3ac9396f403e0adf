import fc from 'fast-check';
import { expect, test } from 'vitest';

import { parseMicros } from './index.ts';

test.each([
  ['0.0088000000', 8800],
  ['0.0104720000000000', 10_472],
  ['0', 0],
  ['1', 1_000_000],
  ['1.3678', 1_367_800],
  ['853.4900000000', 853_490_000],
  ['0.0000004999999999', 0],
  ['0.0000005000000000', 1],
  ['0.0000014999999999', 1],
  ['0.9999995', 1_000_000],
  ['00.10', 100_000],
])('%s euros are %i micro-euros', (decimal, micros) => {
  expect(parseMicros(decimal)).toBe(micros);
});

test.each(['', '-1', '1,5', '1.', '.5', '1e3', 'NaN', '0x10', ' 1', '1 ', '1.2.3', '9'.repeat(10)])(
  '%j is no price',
  (decimal) => {
    expect(parseMicros(decimal)).toBeUndefined();
  },
);

test('a price is never more than half a micro-euro off', () => {
  const price = fc.bigInt({ min: 0n, max: 10n ** 20n });
  fc.assert(
    fc.property(price, (units) => {
      const digits = units.toString().padStart(17, '0');
      const micros = parseMicros(`${digits.slice(0, -16)}.${digits.slice(-16)}`);
      const doubledError = BigInt(micros ?? -1) * 2n * 10n ** 10n - units * 2n;
      expect(doubledError > -(10n ** 10n) && doubledError <= 10n ** 10n).toBe(true);
    }),
  );
});
