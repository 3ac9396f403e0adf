import { expect, it } from 'vitest';

import { asksToLeave } from './full-screen.ts';

it.each([
  ['q', true],
  ['Q', true],
  ['\u0003', true],
  ['\u0003\u0003', true],
  ['xq', true],
  ['\u001B', true],
  ['\u001B[A', false],
  ['x', false],
])('%j asks to leave: %s', (keys, expected) => {
  expect(asksToLeave(keys)).toBe(expected);
});
