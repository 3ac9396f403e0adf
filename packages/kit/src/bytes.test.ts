import { expect, test } from 'vitest';

import { formatBytes, parseBytes } from './bytes.ts';

test.each([
  ['0', 0],
  ['1000', 1000],
  ['1000B', 1000],
  ['1k', 1000],
  ['1K', 1000],
  ['1KB', 1000],
  ['1KiB', 1024],
  ['1Ki', 1024],
  ['512M', 512_000_000],
  ['512MiB', 536_870_912],
  ['1.5 GB', 1_500_000_000],
  ['2GiB', 2_147_483_648],
  ['2 gib', 2_147_483_648],
  ['0.5T', 500_000_000_000],
  ['1TiB', 1_099_511_627_776],
  [' 7 ', 7],
])('%j is %i bytes', (text, bytes) => {
  expect(parseBytes(text)).toBe(bytes);
});

test.each([
  '',
  ' ',
  'M',
  '-1',
  '1e3',
  '1,5G',
  '1PB',
  '1 K B',
  '0x10',
  '1.G',
  '.5G',
  'five',
  '1GG',
  '1iB',
])('%j is no size', (text) => {
  expect(parseBytes(text)).toBeUndefined();
});

test.each([
  [0, '0 B'],
  [1, '1 B'],
  [999, '999 B'],
  [1000, '1.0 KB'],
  [1024, '1.0 KB'],
  [1_500_000, '1.5 MB'],
  [99_949, '99.9 KB'],
  [100_000, '100 KB'],
  [999_999, '1.0 MB'],
  [5_000_000_000, '5.0 GB'],
  [2_000_000_000_000_000, '2000 TB'],
])('%i bytes are shown as %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});
