import { expect, it } from 'vitest';

import { LineTagger } from './tag-lines.ts';

function tag(label: string, ...pieces: (string | Buffer)[]): string {
  const tagger = new LineTagger(label);
  const tagged = pieces.map((piece) => tagger.add(Buffer.from(piece)));
  return Buffer.concat([...tagged, tagger.end()]).toString('latin1');
}

it.each([
  [['one\ntwo\n'], 'a.csv\tone\na.csv\ttwo\n'],
  [['on', 'e\nt', 'wo'], 'a.csv\tone\na.csv\ttwo\n'],
  [['\n\n'], 'a.csv\t\na.csv\t\n'],
  [[''], ''],
  [[Buffer.from([0xff, 0, 10, 13])], 'a.csv\t\u00FF\0\na.csv\t\r\n'],
])('puts the input before each line of %j', (pieces, expected) => {
  expect(tag('a.csv', ...pieces)).toBe(expected);
});

it('keeps control letters of a name from the terminal', () => {
  expect(tag('a\u001B[31m\n', 'x')).toBe('a\\u001b[31m\\n\tx\n');
});
