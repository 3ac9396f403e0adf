import { expect, it } from 'vitest';

import { TailLines } from './tail-lines.ts';

function tailOf(count: number, ...pieces: [stream: 'stdout' | 'stderr', text: string][]): string {
  const tail = new TailLines(count);
  for (const [stream, text] of pieces) tail.add({ stream, data: Buffer.from(text) });
  return tail
    .pieces()
    .map(({ stream, data }) => `${stream}:${Buffer.from(data).toString()}`)
    .join('|');
}

it.each([
  [2, [['stdout', 'a\nb\nc\n']], 'stdout:b\n|stdout:c\n'],
  [2, [['stdout', 'a\nb\nc']], 'stdout:b\n|stdout:c'],
  [
    1,
    [
      ['stdout', 'a\nhal'],
      ['stdout', 'f\n'],
    ],
    'stdout:hal|stdout:f\n',
  ],
  [
    2,
    [
      ['stdout', 'a\n'],
      ['stderr', 'e\n'],
      ['stdout', 'b\n'],
    ],
    'stderr:e\n|stdout:b\n',
  ],
  [9, [['stdout', 'a\n']], 'stdout:a\n'],
  [0, [['stdout', 'a\n']], ''],
] as [number, ['stdout' | 'stderr', string][], string][])(
  'keeps the last %i lines of %j',
  (count, pieces, expected) => {
    expect(tailOf(count, ...pieces)).toBe(expected);
  },
);

it('keeps the memory of an endless log bounded', () => {
  const tail = new TailLines(3);
  for (let line = 0; line < 100_000; line += 1)
    tail.add({ stream: 'stdout', data: Buffer.from(`${line}\n`) });
  expect(tail.pieces().map(({ data }) => Buffer.from(data).toString())).toEqual([
    '99997\n',
    '99998\n',
    '99999\n',
  ]);
});
