import { expect, it } from 'vitest';

import { expandBraces } from './expand-braces.ts';

it.each([
  ['a', ['a']],
  ['{a,b}', ['a', 'b']],
  ['x{a,b}y', ['xay', 'xby']],
  ['{1..3}', ['1', '2', '3']],
  ['{3..1}', ['3', '2', '1']],
  ['{01..10..4}', ['01', '05', '09']],
  ['{-1..1}', ['-1', '0', '1']],
  ['{a..c}.txt', ['a.txt', 'b.txt', 'c.txt']],
  ['{a,b{1..2}}', ['a', 'b1', 'b2']],
  ['{a,b}{1,2}', ['a1', 'a2', 'b1', 'b2']],
  ['{a,}', ['a', '']],
  ['{}', ['{}']],
  ['{a}', ['{a}']],
  ['{', ['{']],
  ['}{a,b}', ['}a', '}b']],
  ['{x}{a,b}', ['{x}a', '{x}b']],
])('expands %s', (pattern, expected) => {
  expect(expandBraces(pattern)).toEqual(expected);
});

it('refuses a range that no one can mean', () => {
  expect(() => expandBraces('{1..9999999999}')).toThrow('more than 100000 inputs');
  expect(() => expandBraces('{1..1000}{1..1000}')).toThrow('more than 100000 inputs');
});
