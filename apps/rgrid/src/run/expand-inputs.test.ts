import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { expandInputs } from './expand-inputs.ts';
import { makeFolder } from '../testing/run-cli.ts';

const cwd = makeFolder('inputs');
mkdirSync(join(cwd, 'data/sub'), { recursive: true });
for (const name of [
  'data/a.csv',
  'data/b.csv',
  'data/sub/c.csv',
  'data/.hidden.csv',
  '-dash.csv',
  '[x].csv',
  '*.csv',
  'a b\n.csv',
]) {
  writeFileSync(join(cwd, name), '');
}
symlinkSync('nowhere', join(cwd, 'broken'));

const texts = (...words: string[]) => expandInputs(words, cwd).map((input) => input.text);

it.each([
  [
    ['data/a.csv', 'data/b.csv'],
    ['data/a.csv', 'data/b.csv'],
  ],
  [['data/*.csv'], ['data/a.csv', 'data/b.csv']],
  [['./data/*.csv'], ['./data/a.csv', './data/b.csv']],
  [['data/**'], ['data/a.csv', 'data/b.csv', 'data/sub/c.csv']],
  [['data/{a,b}.csv'], ['data/a.csv', 'data/b.csv']],
  [['-dash.csv'], ['-dash.csv']],
  [['[x].csv'], ['[x].csv']],
  [['*.csv'], ['*.csv']],
  [['a b\n.csv'], ['a b\n.csv']],
  [['data/sub'], ['data/sub']],
])('%j gives %j', (words, expected) => {
  expect(texts(...words)).toEqual(expected);
});

it('takes ranges and lists that name no file for plain values, quoted or not', () => {
  expect(expandInputs(['{1..3}'], cwd)).toEqual(expandInputs(['1', '2', '3'], cwd));
  expect(expandInputs(['{train,test}'], cwd).map((input) => input.path)).toEqual([null, null]);
});

it.each([
  [['none/*.csv'], '--batch none/*.csv: no file matches'],
  [['nothing.csv'], '--batch: there is no file nothing.csv'],
  [['{a,q}.csv'], '--batch: there is no file a.csv'],
  [['broken'], '--batch: broken is a symbolic link to nothing'],
  [['data/a.csv', './data/a.csv'], '--batch: ./data/a.csv is given twice'],
  [['/dev/null'], '--batch: /dev/null is neither a file nor a folder'],
  [[], '--batch names no input: write files or a pattern behind it'],
])('refuses %j', (words, message) => {
  expect(() => texts(...words)).toThrow(message);
});
